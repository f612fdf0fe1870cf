"""Networks: from images to features and back, and over what came before."""

from vqvae_tf.nets.causal_network import CausalNetwork
from vqvae_tf.nets.gated_pixelcnn import GatedPixelCNN
from vqvae_tf.nets.pixelcnn import PixelCNN
from vqvae_tf.nets.resnet import (
  Convolution,
  Decoder,
  Encoder,
  ResidualStack,
  halved_sizes,
)
from vqvae_tf.nets.transformer import CausalTransformer
from vqvae_tf.nets.wavenet import ConditionedWaveNet, WaveNet

__all__ = [
  'CausalNetwork',
  'CausalTransformer',
  'ConditionedWaveNet',
  'Convolution',
  'Decoder',
  'Encoder',
  'GatedPixelCNN',
  'PixelCNN',
  'ResidualStack',
  'WaveNet',
  'halved_sizes',
]
