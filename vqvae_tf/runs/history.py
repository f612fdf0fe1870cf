"""What a run said while it trained: metrics.jsonl, an entry in each line.

Each entry has a checksum of itself and of the line before it. The last line may
be cut off, where a run was killed while it wrote; any other damage is an error,
and nothing is lost.
"""

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from vqvae_tf import files
from vqvae_tf.errors import UserError

_CHECK = 'crc'
# In bytes, of an entry.
_LONGEST_LINE = 2**16


class _Line(NamedTuple):
  """A line of the file, what it says, and whether it has a checksum."""

  text: str
  entry: dict[str, object]
  is_checked: bool


def append(
  path: Path, step: int, group: str, values: Mapping[str, float]
) -> None:
  """Adds an entry.

  Args:
    path: of metrics.jsonl.
    step: training steps taken.
    group: 'train', 'epoch' or 'validation'.
    values: by name; infinities become null.

  Raises:
    OSError: if it cannot be written.
  """
  entry = files.finite({'step': step, 'group': group, **values})
  with open(path, 'a+b') as file:
    check = _check(entry, _last_line(file))
    text = json.dumps({**entry, _CHECK: check})
    file.write(text.encode() + b'\n')


def read(path: Path) -> list[dict[str, object]]:
  """Returns the entries; none if there is no file.

  Raises:
    UserError: if a line is damaged that is not the last and cut off.
    OSError: if the file cannot be read.
  """
  return [line.entry for line in _lines(path)]


def cut_back(path: Path, step: int) -> None:
  """Removes the entries after `step`, and a line that was cut off.

  Raises:
    UserError, OSError: as `read` does.
  """
  if not path.exists():
    return
  kept = [line.text for line in _lines(path) if line.entry['step'] <= step]
  files.write_text(path, ''.join(text + '\n' for text in kept))
  os.utime(path)


def _lines(path):
  if not path.exists():
    return []
  files.check_regular(path)
  *texts, rest = path.read_bytes().split(b'\n')
  lines, before, is_checked = [], b'', False
  for number, text in enumerate([*texts, *filter(None, [rest])], 1):
    try:
      line = _parsed(text, before, is_checked)
    except ValueError as error:
      if number > len(texts):
        break
      raise UserError(
        f'{path} is damaged in line {number} or before it ({error}): remove '
        'that line and all after it to go on without what they tell'
      ) from error
    before, is_checked = text, is_checked or line.is_checked
    lines.append(line)
  return lines


def _parsed(text, before, is_checked):
  """Returns a line.

  Args:
    text: its bytes.
    before: those of the line before it.
    is_checked: whether it must have a checksum; early versions wrote none.

  Raises:
    ValueError: if it is damaged.
  """
  entry = files.parsed_json(text)
  check = entry.pop(_CHECK, None)
  if check is None and is_checked or check not in (None, _check(entry, before)):
    raise ValueError('its checksum is that of another')
  numbers = {k: v for k, v in entry.items() if k != 'group'}
  if type(entry.get('step')) is not int or not all(
    value is None or type(value) in (int, float) for value in numbers.values()
  ):
    raise ValueError('it is no entry')
  return _Line(text.decode(), entry, check is not None)


def _check(entry, before):
  return f'{zlib.crc32(json.dumps(entry).encode(), zlib.crc32(before)):08x}'


def _last_line(file):
  end = file.seek(0, os.SEEK_END)
  file.seek(max(0, end - _LONGEST_LINE))
  return file.read().removesuffix(b'\n').split(b'\n')[-1]
