"""From a run or an export to a subject."""

import os

import tensorflow as tf

from vqvae_tf import configs, files
from vqvae_tf.errors import UserError
from vqvae_tf.exact.structure import Structure
from vqvae_tf.models import (
  ServedPrior,
  model_doors,
  serve_prior,
  traits,
)
from vqvae_tf.models.weights import Weights, weights_of
from vqvae_tf.runs.run import Run
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.serving import (
  exported,
  integers,
  manifest,
  metadata,
  shipped,
)
from vqvae_tf.serving.subject import Subject

# What loading a SavedModel or reading its metadata raises; of a truncated file
# TensorFlow makes an IndexError.
_DAMAGE = (
  AssertionError,
  AttributeError,
  LookupError,
  MemoryError,
  RuntimeError,
  TypeError,
  ValueError,
  OSError,
  UserError,
  tf.errors.OpError,
)


def from_run(run: Run) -> Subject:
  """Returns the best checkpoint of a run, with its prior if it has one.

  Raises:
    UserError: as `Run.model` and `Run.prior` do.
  """
  found = run.prior
  prior = found.model if found else None
  doors = model_doors(run.model, run.config.example_shape, prior)
  return Subject(
    doors,
    traits(run.model),
    run.config,
    f'{run}, step {run.step}',
    serve_prior(prior, doors, _warning(found)) if prior else None,
    run.state.step,
    run.fingerprints,
    lambda: run.model,
  )


def from_either(name_or_path: str | os.PathLike) -> Subject:
  """Returns the model of a workdir or of an export, whichever it is.

  Raises:
    UserError: as `from_run` and `from_export` do.
  """
  path = shipped.find(name_or_path)
  if shipped.is_export(path):
    return from_export(name_or_path)
  return from_run(Run(Workdir(path)))


def _warning(prior):
  standing = prior.standing
  is_useless = standing and standing.is_useless
  return f'{prior} {standing.verdict}' if is_useless else ''


def from_export(name_or_path: str | os.PathLike) -> Subject:
  """Returns an exported model, run by its own signatures.

  A SavedModel is a program: load none of somebody whom you do not trust.

  Args:
    name_or_path: as `shipped.find` takes it.

  Raises:
    UserError: if it is no export of vqvae_tf, or is damaged.
  """
  path = shipped.find(name_or_path)
  known = _read(path)
  try:
    loaded = tf.saved_model.load(str(path))
    doors = loaded.signatures
    made = metadata.check_doors(known, doors)
  except _DAMAGE as error:
    raise _damaged(path, error) from error
  prior = None
  if known.num_classes is not None:
    sizes, count = known.codebook_sizes, known.num_classes
    prior = ServedPrior(
      doors,
      made.code_shape,
      sizes,
      count,
      find=lambda: _prior(loaded, known.values),
    )
  return Subject(
    doors,
    made,
    known.config,
    str(name_or_path),
    prior,
    known.last_step,
    find=lambda: _model(loaded, known.config),
  )


def _prior(loaded, values):
  own = _weights(loaded)
  return exported.prior(own, values) if own else None


def _model(loaded, config):
  own = _weights(loaded)
  return exported.model(own, config) if own else None


def _weights(loaded):
  """Returns weights in the order of the model; an early export has none."""
  return weights_of(getattr(loaded, '_used', ()))


def weights(path: str | os.PathLike) -> Weights:
  """Returns the weights of the model of a workdir or of an export.

  Raises:
    UserError: as `from_run` and `from_export` do.
  """
  path = shipped.find(path)
  if not shipped.is_export(path):
    return weights_of(Run(Workdir(path)).model.variables)
  _read(path)
  try:
    # In the order of the model; see `saved_model`.
    return weights_of(tf.saved_model.load(str(path))._used)
  except _DAMAGE as error:
    raise _damaged(path, error) from error


def integers_of(
  path: str | os.PathLike,
) -> tuple[Structure, integers.Arrays]:
  """Returns what the codec computes with, derived from an export's weights.

  Raises:
    UserError: as `from_export` does.
    ValueError: as `integers.integers` does.
  """
  path = shipped.find(path)
  known = _read(path)
  try:
    loaded = tf.saved_model.load(str(path))
    doors = loaded.signatures
    metadata.check_doors(known, doors)
    own, prior = weights_of(loaded._used), None
    if known.num_classes is not None:
      values = known.values['prior']['config']
      prior = configs.from_values(values, configs.PriorConfig)
  except _DAMAGE as error:
    raise _damaged(path, error) from error

  def embed(codes):
    return doors['embed'](codes=tf.constant(codes))['embeddings']

  return integers.integers(own, embed, known.config, prior)


def read_metadata(path: str | os.PathLike) -> dict:
  """Returns metadata.json of an export.

  Raises:
    UserError: if there is none, or it is damaged.
  """
  return _read(shipped.find(path)).values


def read_config(path: str | os.PathLike) -> configs.Config:
  """Returns the configuration of an export.

  Raises:
    UserError: as `read_metadata` does.
  """
  return _read(shipped.find(path)).config


def _read(path):
  """Returns the metadata of an export, which obeys its manifest if any."""
  file = path / metadata.PLACE
  if not file.is_file():
    raise UserError(
      f'{path} is no export of vqvae_tf: {file} is missing; make one with '
      'bin/export --workdir=...'
    )
  try:
    manifest.check(path)
    return metadata.read(path)
  except _DAMAGE as error:
    raise _damaged(path, error) from error


def _damaged(path, error):
  return UserError(
    f'the export {path} is damaged: {files.one_line(error)}; make it anew '
    'with bin/export --overwrite'
  )
