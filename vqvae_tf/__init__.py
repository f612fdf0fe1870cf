"""Vector Quantized Variational Autoencoders for TensorFlow.

The names below load TensorFlow when they are first used, so that
`import vqvae_tf` and the commands' `--help` answer at once.
"""

import importlib
from typing import TYPE_CHECKING

from vqvae_tf.version import __version__

if TYPE_CHECKING:
  from vqvae_tf import keras
  from vqvae_tf.likelihoods import (
    Bernoulli,
    Categorical,
    LogisticMixture,
    Normal,
  )
  from vqvae_tf.models import VQVAE, CodePrior
  from vqvae_tf.nets import (
    CausalTransformer,
    Decoder,
    Encoder,
    GatedPixelCNN,
    ResidualStack,
    WaveNet,
  )
  from vqvae_tf.quantizers import (
    CodebookPolicy,
    CosineQuantizer,
    FiniteScalarQuantizer,
    LookupFreeQuantizer,
    ProductQuantizer,
    ResidualQuantizer,
    VectorQuantizer,
    VectorQuantizerEMA,
    rotation_trick,
    straight_through,
  )
  from vqvae_tf.serving import Codec
  from vqvae_tf.serving.shipped import models
  from vqvae_tf.serving.train import train
  from vqvae_tf.serving.trained import load
else:
  # To whoever checks types it would say that there is any name.
  def __getattr__(name):
    if name not in _HOMES:
      raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    home = importlib.import_module(f'{__name__}.{_HOMES[name]}')
    return home if name == _HOMES[name] else getattr(home, name)


_HOMES = {
  'Bernoulli': 'likelihoods',
  'Categorical': 'likelihoods',
  'CausalTransformer': 'nets',
  'CodePrior': 'models',
  'Codec': 'serving',
  'CodebookPolicy': 'quantizers',
  'CosineQuantizer': 'quantizers',
  'Decoder': 'nets',
  'Encoder': 'nets',
  'FiniteScalarQuantizer': 'quantizers',
  'GatedPixelCNN': 'nets',
  'LogisticMixture': 'likelihoods',
  'LookupFreeQuantizer': 'quantizers',
  'Normal': 'likelihoods',
  'ProductQuantizer': 'quantizers',
  'ResidualQuantizer': 'quantizers',
  'ResidualStack': 'nets',
  'VQVAE': 'models',
  'VectorQuantizer': 'quantizers',
  'VectorQuantizerEMA': 'quantizers',
  'WaveNet': 'nets',
  'keras': 'keras',
  'load': 'serving.trained',
  'models': 'models',
  'rotation_trick': 'quantizers',
  'straight_through': 'quantizers',
  'train': 'serving.train',
}

__all__ = [
  'Bernoulli',
  'Categorical',
  'CausalTransformer',
  'CodePrior',
  'CodebookPolicy',
  'Codec',
  'CosineQuantizer',
  'Decoder',
  'Encoder',
  'FiniteScalarQuantizer',
  'GatedPixelCNN',
  'LogisticMixture',
  'LookupFreeQuantizer',
  'Normal',
  'ProductQuantizer',
  'ResidualQuantizer',
  'ResidualStack',
  'VQVAE',
  'VectorQuantizer',
  'VectorQuantizerEMA',
  'WaveNet',
  '__version__',
  'keras',
  'load',
  'models',
  'rotation_trick',
  'straight_through',
  'train',
]


def list_models():
  """Returns the models that come along; `vqvae_tf.models()` calls it."""
  return importlib.import_module(f'{__name__}.serving.shipped').models()


def __dir__() -> list[str]:
  return sorted(__all__)
