"""The weights of one model for another of the same settings."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
import tensorflow as tf

from vqvae_tf.models.vqvae import VQVAE
from vqvae_tf.quantizers import VectorQuantizer, VectorQuantizerEMA

# Arrays by the name of their variable; parts of one kind share their names, and
# are told apart by their order.
Weights = Mapping[str, list[np.ndarray]]


def weights_of(variables: Iterable[tf.Variable]) -> Weights:
  """Returns the values of variables."""
  found = defaultdict(list)
  for variable in variables:
    found[variable.name].append(variable.numpy())
  return dict(found)


def assign(model: VQVAE, weights: Weights) -> None:
  """Lets training start from other weights.

  The averages of an EMA codebook may be missing, as they are in an export: they
  then stand as if each code had had one vector per step for long.

  Args:
    model: with all its variables.
    weights: those of a model of the same network and quantizer.

  Raises:
    ValueError: naming a weight that is missing or of another shape, before
      anything is assigned.
  """
  needed = {id(v) for v in (*model.weights, *model.quantizer.codebooks)}
  places: dict[str, int] = defaultdict(int)
  pairs, missing = [], set()
  for variable in model.variables:
    place, name = places[variable.name], variable.name
    places[name] += 1
    values = weights.get(name, [])
    value = values[place] if place < len(values) else None
    if value is not None and value.shape == tuple(variable.shape):
      pairs.append((variable, value))
    elif id(variable) in needed:
      found = 'none' if value is None else str(value.shape)
      raise ValueError(
        f'{name} should be of shape {tuple(variable.shape)}, but there is '
        f'{found}'
      )
    else:
      missing.add(id(variable))
  for variable, value in pairs:
    variable.assign(value)
  for part in (model.quantizer, *model.quantizer.submodules):
    if isinstance(part, VectorQuantizer | VectorQuantizerEMA):
      if missing & {id(variable) for variable in part.variables}:
        part.set_embeddings(part.embeddings.numpy())
