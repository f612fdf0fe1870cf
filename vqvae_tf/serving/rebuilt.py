"""A model with its variables, from a run or from an export.

What writes a model in any format traces it anew: the graph of an export is that
of the version and of the machine that wrote it.
"""

import json
import os
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from vqvae_tf import build, configs, files
from vqvae_tf.configs import PriorConfig
from vqvae_tf.errors import UserError
from vqvae_tf.models import VQVAE, CodePrior
from vqvae_tf.models.weights import assign
from vqvae_tf.runs import results
from vqvae_tf.runs.run import PriorRun, Run
from vqvae_tf.serving import card, exported, load
from vqvae_tf.version import __version__


class Rebuilt(NamedTuple):
  """A trained model in this process.

  Attributes:
    model: with the weights of training.
    prior: over its codes, likewise; None: it has none.
    config: with which it was trained.
    metadata: as in metadata.json of an export.
    card: the model card, Markdown.
    log: the file of the training log, if there is one.
  """

  model: VQVAE
  prior: CodePrior | None
  config: configs.Config
  metadata: dict
  card: str
  log: Path | None = None

  @property
  def prior_config(self) -> PriorConfig | None:
    """The configuration of the prior; None if there is none."""
    if self.prior is None:
      return None
    return configs.from_values(self.metadata['prior']['config'], PriorConfig)


def from_run(run: Run) -> Rebuilt:
  """Returns the best checkpoint of a run, with its prior if it has one.

  Raises:
    UserError: if the run has no good checkpoint, or a prior of another one or
      of no use.
  """
  # Before the prior: a model that cannot be loaded is the first thing to say.
  metadata = metadata_of(run.config, run.model)
  metadata |= {
    'step': run.step,
    'last_step': run.state.step,
    'metrics': results.of_best(run)[0],
  }
  if run.prior:
    metadata['prior'] = _prior_of(run.prior)
  prior = run.prior.model if run.prior else None
  log = run.workdir.metrics_path
  return Rebuilt(
    run.model,
    prior,
    run.config,
    metadata,
    card.text(run, __version__),
    log if log.exists() else None,
  )


def metadata_of(config: configs.Config, model: VQVAE) -> dict:
  """Returns what metadata.json says of a model that was not trained yet."""
  # Where the data lay is nobody's business who gets the model.
  config = configs.replace(config, data_dir='')
  return {
    'format': 'vqvae_tf 1',
    'config': json.loads(configs.to_json(config)),
    'step': 0,
    'last_step': 0,
    'codebook_sizes': list(model.quantizer.codebook_sizes),
    'class_names': list(config.class_names),
    'metrics': {},
    'versions': {'tensorflow': tf.__version__, 'vqvae_tf': __version__},
  }


def _prior_of(prior: PriorRun) -> dict:
  standing = prior.check_proven()
  return {
    'config': json.loads(configs.to_json(prior.config)),
    'step': standing.step,
    'num_classes': prior.model.num_classes,
    'validation': standing._asdict(),
  }


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
  log = path / 'assets.extra' / 'metrics.jsonl'
  existing = log if log.exists() else None
  return Rebuilt(model, prior, config, metadata, text, existing)
