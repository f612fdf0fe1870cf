"""A run to a SavedModel that plain TensorFlow loads and serves.

Its signatures are the doors of `models.doors`, and `serving_default`, which is
`reconstruct`. The defaults of `sample` are
known to a server, and to `tf.saved_model.load(path).sample(num, seed)`; the
callables in `.signatures` need all arguments.
"""

import json
import os
import shutil
from pathlib import Path

import tensorflow as tf

from vqvae_tf import configs, files
from vqvae_tf.errors import UserError
from vqvae_tf.exact import model as exact
from vqvae_tf.models import model_doors
from vqvae_tf.models.weights import weights_of
from vqvae_tf.runs import results
from vqvae_tf.runs.run import PriorRun, Run
from vqvae_tf.serving import card, codec, exchange, integers, manifest
from vqvae_tf.version import __version__


class _Exported(tf.Module):
  """What TensorFlow saves: doors, the variables that they read, metadata."""

  def __init__(self, run: Run, metadata_path: str):
    super().__init__()
    prior = run.prior.model if run.prior else None
    self.metadata = tf.saved_model.Asset(metadata_path)
    doors = model_doors(run.model, run.config.example_shape, prior)
    variables = (*run.model.variables, *(prior.variables if prior else ()))
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
  """Writes the best checkpoint of a run as a SavedModel.

  It appears whole or not at all. Configuration, metrics of this checkpoint,
  class names and versions are in `assets/metadata.json` inside it; the model
  card, the training log and the integers of the codec in `assets.extra/`.

  Args:
    run: with a checkpoint; its prior, if it has one, goes along.
    target: the folder to make.
    overwrite: whether a SavedModel at `target` may be replaced.

  Returns:
    `target` as a path.

  Raises:
    UserError: if `target` exists, or the run has no good checkpoint, or a prior
      of another one or of no use.
    OSError: if it cannot be written.
  """
  target = Path(target)
  exchange.recover(target)
  if target.exists() and not overwrite:
    raise UserError(f'{target} exists already: give --overwrite to replace it')
  if overwrite and target.exists():
    _check_replaceable(target)
  # Before the prior: a model that cannot be loaded is the first thing to say.
  metadata = metadata_of(run)
  if run.prior:
    run.prior.check_proven()
    metadata['prior'] = prior_of(run.prior)
  try:
    with exchange.beside(target) as aside:
      path = aside / 'metadata.json'
      files.write_json(path, metadata)
      exported = _Exported(run, str(path))
      model = aside / 'model'
      # What a server takes that is asked for no signature by name.
      default = {'serving_default': exported.doors['reconstruct']}
      signatures = {**exported.doors, **default}
      tf.saved_model.save(exported, str(model), signatures=signatures)
      _write_extra(model, run)
      _write_integers(model, run)
      manifest.write(model)
      exchange.put(model, target)
  except (tf.errors.OpError, OSError) as error:
    raise OSError(f'cannot write {target}: {files.one_line(error)}') from error
  return target


def _check_replaceable(target: Path) -> None:
  # Never remove a folder of somebody else's because of a mistyped path.
  if not (target / 'saved_model.pb').exists():
    raise UserError(
      f'{target} is no SavedModel, so it is not replaced: name another folder'
    )


def _write_extra(folder: Path, run: Run) -> None:
  """Adds the model card and the training log, where SavedModels keep extras."""
  extra = folder / 'assets.extra'
  extra.mkdir()
  (extra / 'README.md').write_text(card.text(run, __version__))
  if run.workdir.metrics_path.exists():
    shutil.copy(run.workdir.metrics_path, extra)


def _write_integers(folder: Path, run: Run) -> None:
  """Adds what the codec computes with."""
  prior = run.prior
  variables = (*run.model.variables, *(prior.model.variables if prior else ()))
  try:
    structure, arrays = integers.integers(
      weights_of(variables),
      run.model.embed,
      run.config,
      prior.config if prior else None,
    )
  except ValueError:
    # A model without an exact form is one that `Codec` refuses, saying why.
    return
  exact.write(folder / codec.PLACE, structure, arrays)


def metadata_of(run: Run) -> dict:
  """Returns what metadata.json says of a run; of its prior, `prior_of`."""
  # Where the data lay is nobody's business who gets the model.
  config = configs.replace(run.config, data_dir='')
  return {
    'format': 'vqvae_tf 1',
    'config': json.loads(configs.to_json(config)),
    'step': run.step,
    'last_step': run.state.step,
    'codebook_sizes': list(run.model.quantizer.codebook_sizes),
    'class_names': list(config.class_names),
    'metrics': results.of_best(run)[0],
    'versions': {'tensorflow': tf.__version__, 'vqvae_tf': __version__},
  }


def prior_of(prior: PriorRun) -> dict:
  """Returns what metadata.json says of a prior that is proven."""
  standing = prior.check_proven()
  return {
    'config': json.loads(configs.to_json(prior.config)),
    'step': standing.step,
    'num_classes': prior.model.num_classes,
    'validation': standing._asdict(),
  }
