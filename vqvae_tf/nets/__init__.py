"""Networks: from images to features and back."""

from vqvae_tf.nets.resnet import Decoder, Encoder, ResidualStack, halved_sizes

__all__ = ['Decoder', 'Encoder', 'ResidualStack', 'halved_sizes']
