"""Quantizers: float vectors to integer codes and back."""

from vqvae_tf.quantizers.codebook import CodebookPolicy
from vqvae_tf.quantizers.nearest import nearest_codes
from vqvae_tf.quantizers.quantizer import (
  Quantized,
  Quantizer,
  rotation_trick,
  straight_through,
)
from vqvae_tf.quantizers.vector_quantizer import (
  VectorQuantizer,
  VectorQuantizerEMA,
)

__all__ = [
  'CodebookPolicy',
  'Quantized',
  'Quantizer',
  'VectorQuantizer',
  'VectorQuantizerEMA',
  'nearest_codes',
  'rotation_trick',
  'straight_through',
]
