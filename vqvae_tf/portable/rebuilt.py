"""A model with its variables, from a run or from an export.

What converts a model to other formats traces it anew: the graph of an export is
that of the version and of the machine that wrote it.
"""

import os
from pathlib import Path
from typing import NamedTuple

from vqvae_tf import build, configs, files
from vqvae_tf.errors import UserError
from vqvae_tf.models import VQVAE, CodePrior
from vqvae_tf.models.weights import assign
from vqvae_tf.runs.run import Run
from vqvae_tf.serving import card, exported, load, saved_model
from vqvae_tf.version import __version__


class Rebuilt(NamedTuple):
  """A trained model in this process.

  Attributes:
    model: with the weights of training.
    prior: over its codes, likewise; None: it has none.
    config: with which it was trained.
    metadata: as in metadata.json of an export.
    card: the model card, Markdown.
  """

  model: VQVAE
  prior: CodePrior | None
  config: configs.Config
  metadata: dict
  card: str


def from_run(run: Run) -> Rebuilt:
  """Returns the best checkpoint of a run, with its prior if it has one.

  Raises:
    UserError: as `saved_model.export` does.
  """
  metadata = saved_model.metadata_of(run)
  if run.prior:
    run.prior.check_proven()
    metadata['prior'] = saved_model.prior_of(run.prior)
  prior = run.prior.model if run.prior else None
  text = card.text(run, __version__)
  return Rebuilt(run.model, prior, run.config, metadata, text)


def from_export(path: str | os.PathLike) -> Rebuilt:
  """Returns the model of a SavedModel, and its prior if it has one.

  Raises:
    UserError: if `path` is no export of vqvae_tf, or is damaged.
  """
  path = Path(path)
  metadata, weights = load.read_metadata(path), load.weights(path)
  config = load.read_config(path)
  model, prior = build.initialized_model(config), None
  try:
    assign(model, weights)
    if 'prior' in metadata:
      prior = exported.prior(weights, metadata)
      if prior is None:
        raise ValueError('weights of its prior are missing')
    text = (path / 'assets.extra' / 'README.md').read_text()
  except (LookupError, OSError, TypeError, ValueError, UserError) as error:
    raise UserError(
      f'the export {path} is damaged: {files.one_line(error)}; make it anew '
      'with bin/export --overwrite'
    ) from error
  return Rebuilt(model, prior, config, metadata, text)
