"""Files that are there whole or not at all, and say so if they were changed."""

import contextlib
import hashlib
import io
import json
import math
import mmap
import os
import re
import stat
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tqdm

_DIGEST = 'digest'
# More than any of our files has, less than a parser needs a minute for.
_MOST_BYTES = 2**26


@contextlib.contextmanager
def written(path: Path) -> Iterator[Path]:
  """Yields where to write what becomes a file: whole or not at all.

  Args:
    path: the file; its folder is made.

  Raises:
    OSError: if it cannot be written; what was there stays.
  """
  path.parent.mkdir(parents=True, exist_ok=True)
  aside = path.with_name(f'.{path.name}.partial')
  try:
    yield aside
    synced(aside)
    aside.rename(path)
    synced(path.parent)
  except OSError as error:
    raise OSError(f'cannot write {path}: {one_line(error)}') from error
  finally:
    aside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
  """Writes a file of text, as `written` does."""
  with written(path) as aside:
    aside.write_text(text)


def synced(path: Path) -> None:
  """Has a file, or the names in a folder, outlast a power cut."""
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


def synced_folder(path: Path) -> None:
  """Has a folder with all that is in it outlast a power cut."""
  for folder, _, names in os.walk(path):
    for name in names:
      synced(Path(folder) / name)
    synced(Path(folder))


def write_json(path: Path, values: Mapping[str, object]) -> None:
  """Writes values as indented JSON and their digest, as `written` does."""
  digest = {_DIGEST: _digest(json.loads(json.dumps(values)))}
  write_text(path, json.dumps({**values, **digest}, indent=2) + '\n')


def read_json(path: Path) -> dict[str, Any]:
  """Returns what `write_json` wrote; an early file has no digest to compare.

  Who reads it refuses names that are unknown: one may be that of the digest.

  Raises:
    OSError: if the file cannot be read.
    ValueError: if it is damaged, in a few words.
  """
  values = parsed_json(read_bytes(path))
  digest = values.pop(_DIGEST, None)
  if digest is not None and digest != _digest(values):
    raise ValueError(
      'its digest is that of other values: if you changed it yourself, remove '
      'the digest'
    )
  return values


def check_numbers(values: tuple, default: tuple) -> None:
  """Checks that numbers from JSON are as those of a default, and no others.

  Args:
    values: a NamedTuple.
    default: another one, of numbers and None.

  Raises:
    ValueError: naming the first that is not, or is NaN.
  """
  for name, value, known in zip(values._fields, values, default, strict=True):
    kinds = {int: (int,), float: (int, float)}.get(type(known), (type(None),))
    if type(value) not in kinds or value != value:
      raise ValueError(f'{name} is {value!r:.40}')


def check_regular(path: Path) -> None:
  """Checks that a path is a file, of which reading comes to an end.

  Raises:
    OSError: if it is something else, or nothing.
  """
  if not stat.S_ISREG(path.stat().st_mode):
    raise OSError(f'{path} is no file, but a folder, a pipe or a device')


def read_bytes(path: Path) -> bytes:
  """Returns the bytes of a file of ours.

  Raises:
    OSError: if the file cannot be read.
    ValueError: if it is larger than any of them.
  """
  check_regular(path)
  size = path.stat().st_size
  if size > _MOST_BYTES:
    raise ValueError(f'it has {size} bytes, more than any such file')
  return path.read_bytes()


def mapped(path: Path) -> bytes | mmap.mmap:
  """Returns the bytes of a file of any size, read when they are looked at.

  Raises:
    OSError: if the file cannot be read.
  """
  check_regular(path)
  with open(path, 'rb') as file:
    # There is no map of nothing.
    if not path.stat().st_size:
      return b''
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def parsed_json(text: bytes | str) -> dict[str, object]:
  """Returns an object of JSON.

  Raises:
    ValueError: if it is none.
  """
  try:
    values = json.loads(text, object_pairs_hook=_of_pairs)
  except (ValueError, RecursionError) as error:
    raise ValueError(one_line(error)) from error
  if not isinstance(values, dict):
    raise ValueError('it holds no names and values')
  return values


def _of_pairs(pairs):
  """Refuses a name that comes twice, as in two lines that became one."""
  values = dict(pairs)
  if len(values) < len(pairs):
    raise ValueError('a name comes twice')
  return values


def _digest(values):
  text = json.dumps(values, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:32]


def write_arrays(
  path: Path, arrays: Mapping[str, np.ndarray], compressed: bool = False
) -> None:
  """Writes arrays by name as a file of NumPy's (npz), as `written` does."""
  save = np.savez_compressed if compressed else np.savez
  # NumPy would give the path another name: it gets a file.
  with written(path) as aside, open(aside, 'wb') as file:
    save(file, **arrays)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
  """Returns what `write_arrays` wrote, whose checksums the format has.

  Raises:
    OSError: if the file cannot be read.
    ValueError: if it is damaged.
  """
  check_regular(path)
  try:
    with open(path, 'rb') as file, zipfile.ZipFile(file) as archive:
      members = archive.infolist()
      unpacked = sum(member.file_size for member in members)
      if unpacked > 100 * path.stat().st_size + 2**20:
        raise ValueError(f'it would unpack to {unpacked} bytes')
      # Whole members, of which alone the checksums are compared.
      return {
        member.filename.removesuffix('.npy'): np.load(
          io.BytesIO(archive.read(member))
        )
        for member in members
      }
  except OSError:
    raise
  # A damaged archive makes Python and NumPy raise anything.
  except Exception as error:
    raise ValueError(one_line(error)) from error


def one_line(error: BaseException) -> str:
  """Returns the first line of a message, without TensorFlow's trimmings."""
  line = str(error).strip().split('\n')[0]
  line = re.sub(r'\{\{.*?\}\} | \[Op:\w+\].*', '', line)
  return line[:300] or type(error).__name__


def finite(values: Mapping[str, object]) -> dict[str, object]:
  """Returns values with None for infinities, for which JSON has no word."""
  return {
    k: None if isinstance(v, float) and not math.isfinite(v) else v
    for k, v in values.items()
  }


def bar(total: int, title: str, unit: str = 'image') -> tqdm.tqdm:
  """Returns a bar that a terminal alone shows, and that leaves no trace."""
  return tqdm.tqdm(
    total=total, unit=unit, desc=title, leave=False, disable=None
  )
