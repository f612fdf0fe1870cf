"""Models: whole objects that the training loop trains."""

from vqvae_tf.models.compilation import compiled
from vqvae_tf.models.vqvae import VQVAE, Assessment, Losses

__all__ = ['Assessment', 'Losses', 'VQVAE', 'compiled']
