"""Models: whole objects that the training loop trains."""

from vqvae_tf.models.code_prior import CodeBatch, CodePrior, PriorLosses
from vqvae_tf.models.compilation import compiled
from vqvae_tf.models.sampler import Sampler, Samples
from vqvae_tf.models.vqvae import VQVAE, Assessment, Losses

__all__ = [
  'Assessment',
  'CodeBatch',
  'CodePrior',
  'Losses',
  'PriorLosses',
  'Sampler',
  'Samples',
  'VQVAE',
  'compiled',
]
