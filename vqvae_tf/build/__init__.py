"""From a configuration to the objects that it names."""

from vqvae_tf.build.models import initialized_model, model
from vqvae_tf.build.optimizers import optimizer
from vqvae_tf.build.priors import prior
from vqvae_tf.build.quantizers import quantizer

__all__ = ['initialized_model', 'model', 'optimizer', 'prior', 'quantizer']
