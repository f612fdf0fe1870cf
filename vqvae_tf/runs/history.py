"""What a run said while it trained: metrics.jsonl, an entry in each line."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from vqvae_tf import files


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
  with open(path, 'a') as file:
    file.write(json.dumps(entry) + '\n')


def cut_back(path: Path, step: int) -> None:
  """Removes the entries after `step`, and a line that was cut off."""
  if not path.exists():
    return
  kept = []
  for line in path.read_text().splitlines():
    try:
      entry = json.loads(line)
    except ValueError:
      break
    if entry['step'] <= step:
      kept.append(line + '\n')
  files.write_text(path, ''.join(kept))
  os.utime(path)
