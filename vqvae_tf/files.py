"""Files that are there whole or not at all, and words for the screen."""

import contextlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import tqdm


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
    aside.rename(path)
  except OSError as error:
    raise OSError(f'cannot write {path}: {one_line(error)}') from error
  finally:
    aside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
  """Writes a file of text, as `written` does."""
  with written(path) as aside:
    aside.write_text(text)


def write_json(path: Path, values: Mapping[str, object]) -> None:
  """Writes values as indented JSON, as `written` does."""
  write_text(path, json.dumps(values, indent=2) + '\n')


def write_arrays(
  path: Path, arrays: Mapping[str, np.ndarray], compressed: bool = False
) -> None:
  """Writes arrays by name as a file of NumPy's (npz), as `written` does."""
  save = np.savez_compressed if compressed else np.savez
  # NumPy would give the path another name: it gets a file.
  with written(path) as aside, open(aside, 'wb') as file:
    save(file, **arrays)


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
