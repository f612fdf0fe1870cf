"""From a configuration to the objects that it names."""

from vqvae_tf.build.models import code_shape, initialized_model, model
from vqvae_tf.build.optimizers import optimizer
from vqvae_tf.build.priors import prior
from vqvae_tf.build.quantizers import codebook_sizes, quantizer

__all__ = [
  'code_shape',
  'codebook_sizes',
  'initialized_model',
  'model',
  'optimizer',
  'prior',
  'quantizer',
]
