"""Models: whole objects that the training loop trains.

The package itself can be called: `vqvae_tf.models()` lists the trained models
that come with it, as `vqvae_tf.serving.shipped.models` does.
"""

import sys
import types

from vqvae_tf.models.code_cost import CodeCost, examples_per_pass
from vqvae_tf.models.code_prior import CodeBatch, CodePrior, PriorLosses
from vqvae_tf.models.compilation import compiled
from vqvae_tf.models.doors import model_doors, prior_doors
from vqvae_tf.models.sampler import Sampler, Samples
from vqvae_tf.models.served import (
  SEED,
  Served,
  ServedPrior,
  Traits,
  serve,
  serve_prior,
  traits,
)
from vqvae_tf.models.vqvae import VQVAE, Assessment, Losses

__all__ = [
  'SEED',
  'Served',
  'ServedPrior',
  'Traits',
  'traits',
  'serve',
  'serve_prior',
  'model_doors',
  'prior_doors',
  'Assessment',
  'CodeBatch',
  'CodeCost',
  'examples_per_pass',
  'CodePrior',
  'Losses',
  'PriorLosses',
  'Sampler',
  'Samples',
  'VQVAE',
  'compiled',
]


class _Room(types.ModuleType):
  """A package that a user may take for the function of its name."""

  def __call__(self):
    # The door of the house leads to the room upstairs that knows them.
    return sys.modules['vqvae_tf'].list_models()


sys.modules[__name__].__class__ = _Room
