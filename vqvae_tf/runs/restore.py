"""What a checkpoint holds, rebuilt: a model or a prior."""

from collections.abc import Callable
from typing import TypeVar

import sonnet as snt
import tensorflow as tf

from vqvae_tf.configs import Sections
from vqvae_tf.errors import UserError
from vqvae_tf.optimizers import averaging
from vqvae_tf.runs.workdir import Workdir

_Model = TypeVar('_Model', bound=snt.Module)


def restored(
  make: Callable[[Sections], _Model],
  workdir: Workdir,
  config: Sections,
  step: int,
) -> _Model:
  """Returns what a checkpoint holds, with averaged weights if it has them.

  Args:
    make: takes the configuration to an untrained model.
    workdir: of a run with a checkpoint.
    config: of the run.
    step: of the checkpoint.

  Raises:
    UserError: if the configuration contradicts itself, or the checkpoint is
      missing, damaged or of another model.
  """
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
  return model
