"""Presets: named configurations with their source and what they give.

`score` says where the figure comes from: published, measured (by
`bin/evaluate` on the test split, after the command beside it) or not run.
"""

from typing import Any, NamedTuple

from vqvae_tf.configs.model import Config
from vqvae_tf.configs.sections import replace
from vqvae_tf.configs.settings import nearest
from vqvae_tf.errors import UserError


class Preset(NamedTuple):
  """A named configuration.

  Attributes:
    config: the configuration.
    source: where the settings come from.
    duration: how long it trains, on what.
    score: test score, with its status (published, measured, not run).
  """

  config: Config
  source: str
  duration: str
  score: str


def _config(**values: Any) -> Config:
  return replace(Config(), **values)


# Codebooks as the paper and Sonnet have them: nothing against unused codes.
_CLASSIC = {'initialization': 'variance_scaling', 'unused_codes': 'sonnet'}

# What the presets of older ports share.
_PORT = {
  'quantizer': 'gradient',
  'likelihood': 'normal',
  'steps': 20_000,
  **_CLASSIC,
}

# Muon with weights that are averaged: it learns in a fraction of Adam's steps.
_MUON = {
  'optimizer': 'muon',
  'warmup_steps': 200,
  'batch_size': 16,
  'average_decay': 0.999,
  'evaluate_every': 4_000,
}
# Its steps move the codebook's inputs: lower rates than a pixel network's.
_GREY = {
  'likelihood': 'categorical',
  'num_hiddens': 64,
  'num_embeddings': 1024,
  'learning_rate': 2e-3,
  **_MUON,
}
_AUTOREGRESSIVE = {
  'decoder': 'autoregressive',
  'num_halvings': 3,
  'num_hiddens': 64,
  'learning_rate': 3e-3,
  **_MUON,
}

PRESETS = {
  'default': Preset(
    _config(),
    'the defaults of all flags, which other presets build on',
    '10,000 steps',
    'not run',
  ),
  'mnist': Preset(
    _config(dataset='mnist', steps=8_000, decay_steps=8_000, **_GREY),
    'this project: 7x7 codes, K = 1,024, 256-way softmax',
    '16 minutes of 1 CPU core that other work shared',
    'measured: 1.618 bits/dim (1.246 with a prior), 27.70 dB, perplexity 890',
  ),
  'mnist_autoregressive': Preset(
    _config(
      dataset='mnist',
      likelihood='categorical',
      num_embeddings=32,
      steps=8_000,
      decay_steps=8_000,
      **_AUTOREGRESSIVE,
    ),
    'this project: 3x3 codes, K = 32, PixelCNN over blocks of 2x2 pixels',
    '21 minutes of 1 CPU core that other work shared',
    'measured: 0.917 bits/dim (0.904 with a prior), perplexity 31',
  ),
  'fashion_mnist': Preset(
    _config(dataset='fashion_mnist', steps=12_000, decay_steps=12_000, **_GREY),
    'this project: 7x7 codes, K = 1,024, 256-way softmax',
    '35 minutes of 1 CPU core that other work shared',
    'measured: 3.557 bits/dim (3.230 with a prior), 23.75 dB, perplexity 895',
  ),
  'fashion_mnist_autoregressive': Preset(
    _config(
      dataset='fashion_mnist',
      num_mixtures=10,
      num_embeddings=32,
      steps=10_000,
      decay_steps=10_000,
      **_AUTOREGRESSIVE,
    ),
    'this project: 3x3 codes, K = 32, PixelCNN over blocks of 2x2 pixels',
    '26 minutes of 1 CPU core that other work shared',
    'measured: 2.806 bits/dim (2.783 with a prior), perplexity 31',
  ),
  'cifar10': Preset(
    _config(
      dataset='cifar10',
      flip=True,
      num_hiddens=96,
      num_residual_hiddens=48,
      num_halvings=1,
      num_embeddings=4096,
      learning_rate=1e-3,
      steps=20_000,
      decay_steps=20_000,
      **_MUON,
    ),
    'this project: 16x16 codes, K = 4,096, logistic mixture',
    '35 minutes of 1 CPU core that other work shared',
    'measured: 4.629 bits/dim (4.343 with a prior), 29.24 dB, perplexity 3706',
  ),
  'cifar10_autoregressive': Preset(
    _config(
      dataset='cifar10',
      flip=True,
      num_embeddings=1024,
      steps=16_000,
      decay_steps=16_000,
      **_AUTOREGRESSIVE,
    ),
    'this project: 4x4 codes, K = 1,024, PixelCNN over blocks of 2x2 pixels',
    '47 minutes of 1 CPU core that other work shared',
    'measured: 3.418 bits/dim (3.414 with a prior), perplexity 928',
  ),
  'cifar10_autoregressive_large': Preset(
    _config(
      dataset='cifar10',
      flip=True,
      num_embeddings=64,
      num_mixtures=10,
      block_size=1,
      causal_hiddens=192,
      causal_layers=10,
      steps=41_500,
      decay_steps=41_500,
      **{**_AUTOREGRESSIVE, 'batch_size': 64, 'learning_rate': 2.5e-3},
    ),
    'this project: 4x4 codes, K = 64, PixelCNN over single pixels',
    '8 minutes of an H200 GPU, by a program that its step was converted to',
    'measured: 3.039 bits/dim (3.036 with a prior), perplexity 61',
  ),
  'digits': Preset(
    _config(
      dataset='digits',
      num_hiddens=64,
      num_embeddings=32,
      num_halvings=1,
      embedding_dim=16,
      steps=2_000,
      evaluate_every=500,
      decay_steps=2_000,
      learning_rate=1e-3,
    ),
    'this project: 4x4 codes, K = 32, to teach the tool',
    'about 1 minute on 2 CPU cores',
    'measured: 4.315 bits/dim, 22.70 dB, perplexity 29',
  ),
  'sonnet_cifar10': Preset(
    _config(
      dataset='cifar10',
      likelihood='normal',
      # Its squared error over the data's variance v is, up to a constant, a
      # normal with scale sqrt(v / 2).
      scale=0.178,
      steps=10_000,
      **_CLASSIC,
    ),
    "Sonnet's VQ-VAE notebook: K = 512, D = 64, EMA, NMSE",
    '10,000 steps',
    'published: NMSE 0.056, perplexity 326 (training batches)',
  ),
  'paper_cifar10': Preset(
    _config(
      dataset='cifar10',
      likelihood='categorical',
      quantizer='product',
      num_codebooks=10,
      num_hiddens=256,
      num_residual_hiddens=256,
      embedding_dim=640,
      batch_size=128,
      learning_rate=2e-4,
      steps=250_000,
      **_CLASSIC,
    ),
    'van den Oord et al. 2017, 4.1: 8x8x10 codes; codebooks of 64 dimensions '
    'each that follow moving averages',
    '250,000 steps',
    'published: 4.67 bits/dim; not run here',
  ),
  'spoken_digits': Preset(
    _config(
      dataset='spoken_digits',
      decoder='autoregressive',
      likelihood='categorical',
      num_halvings=6,
      num_hiddens=96,
      causal_hiddens=64,
      causal_layers=10,
      batch_size=8,
      learning_rate=1e-3,
      average_decay=0.999,
      steps=4_000,
      decay_steps=4_000,
    ),
    'a WaveNet over samples, 64 of them for a code, as van den Oord et al. '
    '2017, 4.2; sizes for two cores',
    '4,000 steps',
    'not run',
  ),
  'port_mnist': Preset(
    _config(
      dataset='mnist',
      num_embeddings=20,
      num_halvings=3,
      **_PORT,
    ),
    'older TensorFlow ports: K = 20, D = 64, 3x3 codes',
    '20,000 steps',
    'not run',
  ),
  'port_cifar10': Preset(
    _config(
      dataset='cifar10',
      num_embeddings=10,
      embedding_dim=256,
      **_PORT,
    ),
    'older TensorFlow ports: K = 10, D = 256, 8x8 codes',
    '20,000 steps',
    'not run',
  ),
  'port_cifar10_512': Preset(
    _config(
      dataset='cifar10',
      num_embeddings=512,
      embedding_dim=256,
      commitment_cost=1.0,
      **_PORT,
    ),
    'older TensorFlow ports: K = 512, D = 256, commitment 1.0',
    '20,000 steps',
    'not run',
  ),
}


def named(name: str) -> Preset:
  """Returns a preset.

  Raises:
    UserError: for an unknown name; the message has the nearest one.
  """
  if name not in PRESETS:
    raise UserError(f'no preset is called {name!r}{nearest(name, PRESETS)}')
  return PRESETS[name]
