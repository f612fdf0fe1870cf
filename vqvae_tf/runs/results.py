"""metrics.json of a workdir: what was measured of its checkpoints, by split."""

import tempfile
from pathlib import Path

from vqvae_tf.datasets.names import SPLITS
from vqvae_tf.errors import UserError
from vqvae_tf.files import finite, one_line, read_json, write_json
from vqvae_tf.media.image_files import DESCRIPTIONS
from vqvae_tf.metrics.measure import Metrics
from vqvae_tf.runs.run import Run

# Beside the fields of `Metrics`.
_FILES, _CHECKPOINTS = 'files', 'checkpoints'
# JSON has null for infinity, and for what was not measured.
_MAY_BE_INFINITE = ('bits_per_dim', 'pixel_bits_per_dim', 'bits_per_dim_error')
_MOST = 1e100


def write(
  path: Path,
  split: str,
  result: Metrics,
  files: dict[str, float] | None = None,
  fingerprints: dict[str, str] | None = None,
) -> None:
  """Adds a split's metrics to a JSON file, keeping those of other splits.

  Args:
    path: the file.
    split: whose metrics it will hold anew.
    result: its fields become those of the split.
    files: as `evaluation.measure_files` returns them; the field 'files'.
    fingerprints: those of the `Subject` that was measured; the field
      'checkpoints'.

  Raises:
    UserError: if the file is damaged.
    OSError: if it cannot be written.
  """
  values = finite(result._asdict())
  if files:
    values[_FILES] = files
  if fingerprints:
    values[_CHECKPOINTS] = fingerprints
  known = read(path) | {split: values}
  write_json(path, known)


def read(path: Path) -> dict[str, dict]:
  """Returns what a JSON file holds, by split; nothing if there is no file.

  Raises:
    UserError: if the file is damaged or a folder.
  """
  if path.is_dir():
    raise UserError(f'{path} is a folder: name a JSON file by --output')
  if not path.exists():
    return {}
  try:
    splits = read_json(path)
    check(splits)
  except (ValueError, TypeError) as error:
    raise UserError(
      f'{path} is damaged ({one_line(error)}): remove it and evaluate again'
    ) from error
  return splits


def check(splits: dict) -> None:
  """Checks what is said to be the metrics of splits, as JSON has them.

  Raises:
    TypeError, ValueError: if it cannot be.
  """
  for split, values in splits.items():
    if split not in SPLITS:
      raise ValueError(f'{split!r:.40} is no split')
    result, of_files = parsed(dict(values))
    for name, kind in Metrics.__annotations__.items():
      value = getattr(result, name)
      may_lack = name in _MAY_BE_INFINITE or kind == float | None
      if not (_is_number(value) or value is None and may_lack):
        raise ValueError(f'{name} is {value!r:.40}')
    for name, value in dict(of_files or {}).items():
      if name not in DESCRIPTIONS or not _is_number(value):
        raise ValueError(f'a file {name!r:.40} has {value!r:.40}')
    dict(values.get(_CHECKPOINTS, {}))


def _is_number(value):
  return type(value) in (int, float) and abs(value) < _MOST


def parsed(values: dict) -> tuple[Metrics, dict | None]:
  """Returns the metrics of a split, and those of its files if they are there.

  Raises:
    TypeError: if a field is missing or unknown.
  """
  own = {k: v for k, v in values.items() if k not in (_FILES, _CHECKPOINTS)}
  return Metrics(**own), values.get(_FILES)


def of_best(run: Run) -> tuple[dict[str, dict], list[str]]:
  """Returns what was measured of the best checkpoint and its prior.

  A file of an earlier version does not say of which checkpoint it is, and is
  taken for one of this.

  Returns:
    The contents of metrics.json, and the names of the splits that it left out,
    for they are of another checkpoint.

  Raises:
    UserError: as `read` and `Run.fingerprints` do.
  """
  now = run.fingerprints
  known = read(run.workdir.path / 'metrics.json')
  current = {
    split: values
    for split, values in known.items()
    if values.get(_CHECKPOINTS, {}).items() <= now.items()
  }
  return current, [split for split in known if split not in current]


def check_writable(path: Path) -> None:
  """Finds out before minutes of work whether `write` can do its own.

  Raises:
    UserError: as `read` does.
    OSError: if the folder cannot be made or written to.
  """
  read(path)
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=path.parent).close()
  except OSError as error:
    reason = one_line(error)
    raise OSError(f'cannot write {path}: {reason}') from error
