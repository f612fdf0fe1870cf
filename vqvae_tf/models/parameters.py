"""How many numbers of a model are learned, part by part."""

import math
from typing import NamedTuple

import sonnet as snt

from vqvae_tf.models.code_prior import CodePrior
from vqvae_tf.models.vqvae import VQVAE


class Parameters(NamedTuple):
  """How many numbers are learned.

  Attributes:
    parts: of each part of a model, by its name.
    num_trainable: of all of them, those that a gradient moves; a codebook may
      follow averages in its place.
  """

  parts: dict[str, int]
  num_trainable: int

  def __str__(self) -> str:
    parts = ', '.join(f'{name} {size:,}' for name, size in self.parts.items())
    return (
      f'{parts}; {sum(self.parts.values()):,} in all, '
      f'{self.num_trainable:,} of them trainable'
    )


def of_model(model: VQVAE) -> Parameters:
  """Returns the parameters of a model with all its variables.

  The encoder's include the projection to the vectors that are quantized; a
  quantizer's are its codebooks and what it learns beside them.
  """
  trainable = {id(v) for v in model.trainable_variables}
  learned = trainable | {id(v) for v in model.quantizer.codebooks}
  parts: dict[str, tuple[snt.Module, ...]] = {
    'encoder': (model.encoder, model.projection),
    'quantizer': (model.quantizer,),
    'decoder': (model.decoder,),
    'likelihood': (model.likelihood,),
  }
  sizes = {
    name: _size(v for m in modules for v in m.variables if id(v) in learned)
    for name, modules in parts.items()
  }
  return Parameters(sizes, _size(model.trainable_variables))


def of_prior(prior: CodePrior) -> Parameters:
  """Returns the parameters of a prior.

  Its tables have a row for each code, each position and each class.
  """
  size = _size(prior.trainable_variables)
  network = _size(prior.network.trainable_variables)
  return Parameters({'network': network, 'tables': size - network}, size)


def _size(variables):
  return sum(math.prod(variable.shape) for variable in variables)
