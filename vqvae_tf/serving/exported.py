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
  try:
    fill(made, weights)
  except ValueError:
    return None
  return made


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


def fill(prior: CodePrior, weights: Weights) -> None:
  """Gives the variables of a prior their values.

  Args:
    prior: with all its variables.
    weights: its own, those of a model among them.

  Raises:
    ValueError: naming a variable whose value is missing or of another shape.
  """
  values = {name: list(found) for name, found in weights.items()}
  pairs = []
  for variable in prior.variables:
    own = values.get(variable.name, [])
    value = own.pop(0) if own else None
    if value is not None and value.shape == tuple(variable.shape):
      pairs.append((variable, value))
    elif value is not None or _UNUSED not in variable.name:
      found = 'none' if value is None else str(value.shape)
      raise ValueError(
        f'{variable.name} should be of shape {tuple(variable.shape)}, but '
        f'there is {found}'
      )
  for variable, value in pairs:
    variable.assign(value)
