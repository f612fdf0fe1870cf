"""Networks: from images to features and back."""

from vqvae_tf.nets.pixelcnn import PixelCNN
from vqvae_tf.nets.resnet import (
  Convolution,
  Decoder,
  Encoder,
  ResidualStack,
  halved_sizes,
)

__all__ = [
  'Convolution',
  'Decoder',
  'Encoder',
  'PixelCNN',
  'ResidualStack',
  'halved_sizes',
]
