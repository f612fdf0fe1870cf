"""Quantizers: float vectors to integer codes and back."""

from vqvae_tf.quantizers.codebook import CodebookPolicy
from vqvae_tf.quantizers.cosine import CosineQuantizer
from vqvae_tf.quantizers.finite_scalar import FiniteScalarQuantizer
from vqvae_tf.quantizers.lookup_free import LookupFreeQuantizer
from vqvae_tf.quantizers.nearest import nearest_codes
from vqvae_tf.quantizers.product import ProductQuantizer
from vqvae_tf.quantizers.quantizer import (
  Quantized,
  Quantizer,
  rotation_trick,
  straight_through,
)
from vqvae_tf.quantizers.residual import ResidualQuantizer
from vqvae_tf.quantizers.vector_quantizer import (
  VectorQuantizer,
  VectorQuantizerEMA,
)

__all__ = [
  'CodebookPolicy',
  'CosineQuantizer',
  'FiniteScalarQuantizer',
  'LookupFreeQuantizer',
  'ProductQuantizer',
  'Quantized',
  'Quantizer',
  'ResidualQuantizer',
  'VectorQuantizer',
  'VectorQuantizerEMA',
  'nearest_codes',
  'rotation_trick',
  'straight_through',
]
