"""Keras 3 layers over the quantizers, on Keras's TensorFlow backend."""

from vqvae_tf.keras import backend  # noqa: F401  # Before all: it may refuse.
from vqvae_tf.keras.family import (
  CosineQuantizer,
  FiniteScalarQuantizer,
  LookupFreeQuantizer,
  ProductQuantizer,
  ResidualQuantizer,
  VectorQuantizer,
  VectorQuantizerEMA,
)
from vqvae_tf.keras.layer import QuantizerLayer
from vqvae_tf.keras.usage import CodeUsage

__all__ = [
  'CodeUsage',
  'CosineQuantizer',
  'FiniteScalarQuantizer',
  'LookupFreeQuantizer',
  'ProductQuantizer',
  'QuantizerLayer',
  'ResidualQuantizer',
  'VectorQuantizer',
  'VectorQuantizerEMA',
]
