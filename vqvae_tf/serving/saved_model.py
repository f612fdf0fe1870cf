"""A model to a SavedModel that plain TensorFlow loads and serves.

Its signatures are the doors of `models.doors`, and `serving_default`, which is
`reconstruct`. The defaults of `sample` are known to a server, and to
`tf.saved_model.load(path).sample(num, seed)`; the callables in `.signatures`
need all arguments.
"""

import os
import shutil
from pathlib import Path

import tensorflow as tf

from vqvae_tf import files
from vqvae_tf.errors import UserError
from vqvae_tf.exact import model as exact
from vqvae_tf.models import model_doors
from vqvae_tf.models.weights import weights_of
from vqvae_tf.runs.run import Run
from vqvae_tf.serving import codec, exchange, integers, manifest, rebuilt
from vqvae_tf.serving.rebuilt import Rebuilt


class _Exported(tf.Module):
  """What TensorFlow saves: doors, the variables that they read, metadata."""

  def __init__(self, found: Rebuilt, metadata_path: str):
    super().__init__()
    prior = found.prior
    self.metadata = tf.saved_model.Asset(metadata_path)
    doors = model_doors(found.model, found.config.example_shape, prior)
    variables = (*found.model.variables, *(prior.variables if prior else ()))
    # Only what they read is saved: no averages that training keeps.
    self._used = _used_by(doors.values(), variables)
    # TensorFlow saves a dictionary that is complete when it is assigned.
    self.doors = doors
    for name, door in doors.items():
      setattr(self, name, door)


def _used_by(functions, variables):
  """Returns those of the variables that functions read, in their order."""
  graphs = [function.get_concrete_function().graph for function in functions]
  used = {variable.ref() for graph in graphs for variable in graph.variables}
  return [variable for variable in variables if variable.ref() in used]


def export(
  run: Run, target: str | os.PathLike, overwrite: bool = False
) -> Path:
  """Writes the best checkpoint of a run as a SavedModel; see `write`.

  Args:
    run: with a checkpoint; its prior, if it has one, goes along.
    target: the folder to make.
    overwrite: whether a SavedModel at `target` may be replaced.

  Returns:
    `target` as a path.

  Raises:
    UserError: as `write` and `rebuilt.from_run` do.
    OSError: if it cannot be written.
  """
  path = _free(target, overwrite)
  return write(rebuilt.from_run(run), path, overwrite)


def write(
  found: Rebuilt, target: str | os.PathLike, overwrite: bool = False
) -> Path:
  """Writes a model as a SavedModel, with its prior if it has one.

  It appears whole or not at all. Configuration, metrics of this checkpoint,
  class names and versions are in `assets/metadata.json` inside it; the model
  card, the training log and the integers of the codec in `assets.extra/`.

  Args:
    found: the model.
    target: the folder to make.
    overwrite: whether a SavedModel at `target` may be replaced.

  Returns:
    `target` as a path.

  Raises:
    UserError: if `target` exists, or is something else.
    OSError: if it cannot be written.
  """
  free = _free(target, overwrite)
  try:
    with exchange.beside(free) as aside:
      path = aside / 'metadata.json'
      files.write_json(path, found.metadata)
      exported = _Exported(found, str(path))
      model = aside / 'model'
      # What a server takes that is asked for no signature by name.
      default = {'serving_default': exported.doors['reconstruct']}
      signatures = {**exported.doors, **default}
      tf.saved_model.save(exported, str(model), signatures=signatures)
      _write_extra(model, found)
      _write_integers(model, found)
      manifest.write(model)
      exchange.put(model, free)
  except (tf.errors.OpError, OSError) as error:
    raise OSError(f'cannot write {target}: {files.one_line(error)}') from error
  return free


def _free(target, overwrite):
  """Returns a target that may be written to, as a path."""
  target = Path(target)
  exchange.recover(target)
  if target.exists() and not overwrite:
    raise UserError(f'{target} exists already: give --overwrite to replace it')
  if overwrite and target.exists():
    _check_replaceable(target)
  return target


def _check_replaceable(target: Path) -> None:
  # Never remove a folder of somebody else's because of a mistyped path.
  if not (target / 'saved_model.pb').exists():
    raise UserError(
      f'{target} is no SavedModel, so it is not replaced: name another folder'
    )


def _write_extra(folder: Path, found: Rebuilt) -> None:
  """Adds the model card and the training log, where SavedModels keep extras."""
  extra = folder / 'assets.extra'
  extra.mkdir()
  (extra / 'README.md').write_text(found.card)
  if found.log:
    shutil.copy(found.log, extra / 'metrics.jsonl')


def _write_integers(folder: Path, found: Rebuilt) -> None:
  """Adds what the codec computes with."""
  prior = found.prior
  variables = (*found.model.variables, *(prior.variables if prior else ()))
  try:
    structure, arrays = integers.integers(
      weights_of(variables),
      found.model.embed,
      found.config,
      found.prior_config,
    )
  except ValueError:
    # A model without an exact form is one that `Codec` refuses, saying why.
    return
  exact.write(folder / codec.PLACE, structure, arrays)
