"""Keras 3 models and layers, on Keras's TensorFlow backend."""

from vqvae_tf.keras import backend  # noqa: F401  # Before all: it may refuse.
from vqvae_tf.keras.code_prior import CodePrior
from vqvae_tf.keras.family import (
  CosineQuantizer,
  FiniteScalarQuantizer,
  LookupFreeQuantizer,
  ProductQuantizer,
  ResidualQuantizer,
  VectorQuantizer,
  VectorQuantizerEMA,
)
from vqvae_tf.keras.figures import Figures
from vqvae_tf.keras.layer import QuantizerLayer
from vqvae_tf.keras.usage import CodeUsage
from vqvae_tf.keras.vqvae import VQVAE

__all__ = [
  'CodePrior',
  'CodeUsage',
  'CosineQuantizer',
  'Figures',
  'FiniteScalarQuantizer',
  'LookupFreeQuantizer',
  'ProductQuantizer',
  'QuantizerLayer',
  'ResidualQuantizer',
  'VQVAE',
  'VectorQuantizer',
  'VectorQuantizerEMA',
]
