"""What an export holds, built anew of its weights, to be compiled by XLA.

The signatures of an export are graphs that were traced when it was made. They
say what it computes; what is built of the same weights computes the same, up to
rounding, and takes less time for many examples.
"""

import tensorflow as tf

from vqvae_tf import build, configs
from vqvae_tf.models import VQVAE, CodePrior
from vqvae_tf.models.weights import assign, weights_of

# Dropout counts its steps, and is of training alone.
_UNUSED = 'dropout_steps'


def prior(exported: tf.Module, metadata: dict) -> CodePrior | None:
  """Returns the prior of an export; None if it lacks what is needed for it.

  Args:
    exported: as TensorFlow loads it.
    metadata: its metadata.json, which tells of a prior.
  """
  config = metadata['prior'].get('config')
  if config is None or not hasattr(exported, '_used'):
    return None
  made = build.prior(configs.from_values(config, configs.PriorConfig))
  return made if _assign(made, exported._used) else None


def model(exported: tf.Module, config: configs.Config) -> VQVAE | None:
  """Returns the model of an export; None if it lacks what is needed for it.

  Args:
    exported: as TensorFlow loads it.
    config: its own.
  """
  if not hasattr(exported, '_used'):
    return None
  made = build.initialized_model(config)
  try:
    assign(made, weights_of(exported._used))
  except ValueError:
    return None
  return made


def _assign(module, variables):
  """Gives a module the values of variables; returns whether it has all."""
  values = weights_of(variables)
  pairs = []
  for variable in module.variables:
    own = values.get(variable.name, [])
    if own:
      pairs.append((variable, own.pop(0)))
    elif _UNUSED not in variable.name:
      return False
  if any(variable.shape != value.shape for variable, value in pairs):
    return False
  for variable, value in pairs:
    variable.assign(value)
  return True
