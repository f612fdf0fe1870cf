"""From the settings of an optimizer to the optimizer."""

from vqvae_tf.configs import OptimizerConfig
from vqvae_tf.models import VQVAE, CodePrior
from vqvae_tf.optimizers.adam import Adam
from vqvae_tf.optimizers.muon import Muon


def optimizer(config: OptimizerConfig, model: VQVAE | CodePrior) -> Adam | Muon:
  """Returns the optimizer of a model with all its variables."""
  parameters = model.trainable_variables
  if config.optimizer == 'adam':
    return Adam(parameters)
  return Muon(parameters, model.matrices)
