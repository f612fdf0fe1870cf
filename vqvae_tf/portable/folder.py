"""A model to formats that run without TensorFlow: LiteRT's and ONNX."""

import os
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from vqvae_tf import files
from vqvae_tf.errors import UserError
from vqvae_tf.models import model_doors
from vqvae_tf.portable import conversion, litert, onnx_files
from vqvae_tf.serving import exchange
from vqvae_tf.serving.rebuilt import Rebuilt

# The extra that has the libraries of a format.
_EXTRAS = {'tflite': 'litert', 'onnx': 'onnx'}
FORMATS = tuple(_EXTRAS)
_DRAWS = 'it draws random numbers in a loop'


class Written(NamedTuple):
  """What an export came to.

  Attributes:
    path: the folder.
    signatures: that it has.
    left_out: by name of another, why the format cannot hold it.
  """

  path: Path
  signatures: tuple[str, ...]
  left_out: dict[str, str]


def check_installed(kind: str) -> None:
  """Checks that the libraries of a format are there.

  Raises:
    UserError: naming one that is not, and the extra.
  """
  try:
    (litert if kind == 'tflite' else onnx_files).check_installed()
  except ImportError as error:
    library = (error.name or str(error)).replace('_', '-')
    raise UserError(
      f'--format={kind} needs {library}, which is not installed: '
      f"pip install 'vqvae_tf[{_EXTRAS[kind]}]'"
    ) from error


def export(
  found: Rebuilt, target: str | os.PathLike, kind: str, overwrite: bool = False
) -> Written:
  """Writes a model as model.tflite, or as an .onnx file for each signature.

  The folder appears whole or not at all. Beside the model it has metadata.json,
  which also names the signatures, and the model card, README.md.

  Args:
    found: the model.
    target: the folder to make.
    kind: of `FORMATS`.
    overwrite: whether an export of this format at `target` may be replaced.

  Raises:
    UserError: if a library is missing, `target` exists, or is something else.
    OSError: if it cannot be written.
  """
  check_installed(kind)
  target = Path(target)
  exchange.recover(target)
  _check_target(target, kind, overwrite)
  try:
    with exchange.beside(target) as aside:
      folder, work = aside / 'model', aside / 'work'
      folder.mkdir()
      work.mkdir()
      names, left_out = _convert(found, kind, folder, work)
      portable = {'format': kind, 'signatures': names, 'left_out': left_out}
      values = {**found.metadata, 'portable': portable}
      files.write_json(folder / 'metadata.json', values)
      files.write_text(folder / 'README.md', found.card)
      exchange.put(folder, target)
  except (tf.errors.OpError, OSError) as error:
    raise OSError(f'cannot write {target}: {files.one_line(error)}') from error
  return Written(target, tuple(names), left_out)


def _check_target(target, kind, overwrite):
  if not target.exists():
    return
  if not overwrite:
    raise UserError(f'{target} exists already: give --overwrite to replace it')
  # Never remove a folder of somebody else's because of a mistyped path.
  own = 'model.tflite' if kind == 'tflite' else 'encode.onnx'
  if not ((target / own).is_file() and (target / 'metadata.json').is_file()):
    raise UserError(
      f'{target} is no export with --format={kind}, so it is not replaced: '
      'name another folder'
    )


def _convert(found, kind, folder, work):
  """Returns the names of the signatures written, and why others are not."""
  example = found.config.example_shape
  is_litert = kind == 'tflite'
  with conversion.tracing(has_cross_entropy=not is_litert):
    doors = model_doors(found.model, example, found.prior)
    drawing = {'sample'}
    if found.model.likelihood.is_autoregressive:
      drawing |= {'decode', 'reconstruct'}
    left_out = {name: _DRAWS for name in doors if name in drawing}
    kept = {name: doors[name] for name in doors if name not in drawing}
    for door in kept.values():
      door.get_concrete_function()
  if is_litert:
    keeper = tf.Module()
    keeper.parts = [found.model, found.prior] if found.prior else [found.model]
    left_out |= litert.convert(kept, keeper, work)
    (work / 'model.tflite').rename(folder / 'model.tflite')
  else:
    left_out |= onnx_files.convert(kept, folder)
  return [name for name in kept if name not in left_out], left_out
