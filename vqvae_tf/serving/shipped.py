"""Trained models that come with the package, by name; needs no TensorFlow.

A wheel holds some of them, a source tree all. A name is short for the folder of
the export, wherever a model is asked for; a folder of that name goes first.
"""

import os
from pathlib import Path
from typing import NamedTuple

from vqvae_tf import configs, files
from vqvae_tf.errors import UserError
from vqvae_tf.serving import exchange

_PACKAGE = Path(__file__).parents[1]
# Where a wheel has them, and where the source tree has them.
_FOLDERS = (_PACKAGE / 'pretrained', _PACKAGE.parent / 'assets' / 'models')
_METADATA = Path('assets') / 'metadata.json'


class ModelInfo(NamedTuple):
  """A model that comes with the package.

  Attributes:
    name: what `vqvae_tf.load` and `--model` take.
    dataset: that it was trained on.
    example_shape: `[H, W, C]`.
    bits_per_dim: of the test split, as `bin/evaluate` printed it, with the
      codes under its prior; None if it was not measured.
    decoder: 'factorized' or 'autoregressive'.
    path: the folder of the export.
  """

  name: str
  dataset: str
  example_shape: tuple[int, ...]
  bits_per_dim: float | None
  decoder: str
  path: Path


def models() -> list[ModelInfo]:
  """Returns what there is to know of the models that come with the package.

  Raises:
    UserError: if one of them is damaged.

  Examples:
    >>> 'mnist' in [model.name for model in vqvae_tf.models()]
    True
  """
  return [_info(name, path) for name, path in paths().items()]


def paths() -> dict[str, Path]:
  """Returns the folders of the models that come with the package, by name."""
  found: dict[str, Path] = {}
  for folder in _FOLDERS:
    for metadata in sorted(folder.glob(f'*/{_METADATA}')):
      path = metadata.parents[1]
      found.setdefault(path.name, path)
  return found


def find(name_or_path: str | os.PathLike) -> Path:
  """Returns the folder of a model.

  Args:
    name_or_path: a folder, or the name of a model that comes with the package.

  Raises:
    UserError: if it is a mere name, and nothing is called so.
  """
  path = Path(name_or_path).expanduser()
  if not path.exists():
    exchange.recover(path)
  is_name = len(path.parts) == 1
  if path.exists() or not is_name:
    return path
  known = paths()
  if path.name in known:
    return known[path.name]
  raise UserError(
    f'{path} is no folder, and no model that comes with vqvae_tf is called so'
    f'{configs.nearest(path.name, known) if known else ""}'
  )


def is_export(path: Path) -> bool:
  """Returns whether a folder looks like an export, and not like a workdir."""
  return (path / 'saved_model.pb').exists()


def _info(name, path):
  try:
    values = files.read_json(path / _METADATA)
    config = configs.from_values(values['config'], configs.Config)
    return ModelInfo(
      name,
      config.data.dataset,
      config.example_shape,
      values['metrics'].get('test', {}).get('bits_per_dim'),
      config.likelihood.decoder,
      path,
    )
  except (KeyError, TypeError, ValueError, UserError) as error:
    raise UserError(
      f'{path / _METADATA} is damaged: {files.one_line(error)}; install '
      'vqvae_tf anew'
    ) from error
