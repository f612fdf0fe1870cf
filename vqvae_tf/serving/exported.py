"""What an export holds, built anew of its weights.

The signatures of an export are graphs that were traced when it was made. They
say what it computes; what is built of the same weights computes the same, up to
rounding: compiled by XLA it takes less time for many examples, and it can be
taken to other formats.
"""

from vqvae_tf import build, configs
from vqvae_tf.models import VQVAE, CodePrior
from vqvae_tf.models.weights import Weights, assign

# Dropout counts its steps, and is of training alone.
_UNUSED = 'dropout_steps'


def prior(weights: Weights, metadata: dict) -> CodePrior | None:
  """Returns the prior of an export; None if it lacks what is needed for it.

  Args:
    weights: of the export, those of the model among them.
    metadata: its metadata.json, which tells of a prior.

  Raises:
    UserError: if the configuration there is damaged.
  """
  config = metadata['prior'].get('config')
  if config is None:
    return None
  made = build.prior(configs.from_values(config, configs.PriorConfig))
  return made if _assign(made, weights) else None


def model(weights: Weights, config: configs.Config) -> VQVAE | None:
  """Returns the model of an export; None if it lacks what is needed for it.

  Args:
    weights: of the export.
    config: its own.
  """
  made = build.initialized_model(config)
  try:
    assign(made, weights)
  except ValueError:
    return None
  return made


def _assign(module, weights):
  """Gives a module's variables their values; returns whether all are there."""
  values = {name: list(found) for name, found in weights.items()}
  pairs = []
  for variable in module.variables:
    own = values.get(variable.name, [])
    if own:
      pairs.append((variable, own.pop(0)))
    elif _UNUSED not in variable.name:
      return False
  if any(tuple(variable.shape) != value.shape for variable, value in pairs):
    return False
  for variable, value in pairs:
    variable.assign(value)
  return True
