"""What a workdir holds, rebuilt: a trained model, or a prior."""

import tensorflow as tf

from vqvae_tf import build, checkpoints, configs
from vqvae_tf.configs import PriorConfig
from vqvae_tf.errors import UserError
from vqvae_tf.models import VQVAE, CodePrior
from vqvae_tf.optimizers import averaging


def load_model(
  workdir: checkpoints.Workdir, step: int | None = None
) -> tuple[VQVAE, configs.Config, int]:
  """Rebuilds the model of a workdir, with averaged weights if it has them.

  Args:
    workdir: of a run with a checkpoint.
    step: which checkpoint; None takes the best by validation.

  Returns:
    The model, its configuration and the step.

  Raises:
    UserError: if the workdir is not one, or its checkpoint is missing, damaged
      or of another model.
  """
  return _load(build.initialized_model, workdir, step)


def load_prior(
  workdir: checkpoints.PriorWorkdir, step: int | None = None
) -> tuple[CodePrior, PriorConfig, int]:
  """Rebuilds the prior of a workdir; otherwise as `load_model`."""
  return _load(build.prior, workdir, step)


def _load(make, workdir, step):
  config = workdir.load_config()
  step = workdir.best_step() if step is None else step
  try:
    model = make(config)
  except ValueError as error:
    raise UserError(f'{workdir}: {error}') from error
  # Under the names that the trainer saved them by.
  trainer = tf.train.Checkpoint(model=model)
  decay, weights = config.optimizer.average_decay, model.weights
  if decay:
    trainer.averaging = averaging.Averaging(decay, weights)
  workdir.restore(tf.train.Checkpoint(trainer=trainer), step)
  if decay:
    trainer.averaging.assign_to(weights)
  return model, config, step
