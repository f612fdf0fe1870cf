"""From a run or an export to a subject."""

import json
import os
from pathlib import Path

import tensorflow as tf

from vqvae_tf import configs, files
from vqvae_tf.errors import UserError
from vqvae_tf.models import (
  ServedPrior,
  Traits,
  model_doors,
  serve_prior,
  traits,
)
from vqvae_tf.runs.run import Run
from vqvae_tf.serving.subject import Subject

# What loading a SavedModel or reading its metadata raises; of a truncated file
# TensorFlow makes an IndexError.
_DAMAGE = (
  LookupError,
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
    serve_prior(prior, doors, _warning(found)) if found else None,
    run.state.step,
    run.fingerprints,
  )


def _warning(prior):
  standing = prior.standing
  is_useless = standing and standing.is_useless
  return f'{prior} {standing.verdict}' if is_useless else ''


def from_export(path: str | os.PathLike) -> Subject:
  """Returns an exported model, run by its own signatures.

  Raises:
    UserError: if `path` is no export of vqvae_tf, or is damaged.
  """
  metadata = read_metadata(path)
  try:
    config = configs.from_json(json.dumps(metadata['config']), configs.Config)
    doors = tf.saved_model.load(str(path)).signatures
    sizes = tuple(metadata['codebook_sizes'])
    is_sampled = config.likelihood.is_autoregressive
    shape = doors['encode'].structured_outputs['codes'].shape[1:]
    made = Traits(tuple(shape), sizes, is_sampled)
    # Exports that were made early do not know of priors.
    settings = metadata.get('prior')
    prior = (
      ServedPrior(doors, made.code_shape, sizes, settings['num_classes'])
      if settings
      else None
    )
  except _DAMAGE as error:
    raise UserError(
      f'the export {path} is damaged: {files.one_line(error)}'
    ) from error
  # Nor do they say how many steps were taken.
  last_step = metadata.get('last_step', config.run.steps)
  return Subject(doors, made, config, str(path), prior, last_step)


def read_metadata(path: str | os.PathLike) -> dict:
  """Returns metadata.json of an export.

  Raises:
    UserError: if there is none.
  """
  file = Path(path) / 'assets' / 'metadata.json'
  try:
    return json.loads(file.read_text())
  except (OSError, ValueError) as error:
    raise UserError(
      f'{path} is no export of vqvae_tf: {file} is missing or damaged; make '
      'one with bin/export --workdir=...'
    ) from error
