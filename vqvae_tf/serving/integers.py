"""From the weights of a model to the integers that the codec computes with.

They are derived once, when a model is exported, and lie beside it from then on,
so that every machine that has the export has the same ones. Those of an early
export, which lacks them, are derived when they are needed.
"""

import math
from collections.abc import Callable

import numpy as np

from vqvae_tf import build
from vqvae_tf.configs import Config, PriorConfig
from vqvae_tf.exact import grid
from vqvae_tf.exact.structure import Structure
from vqvae_tf.likelihoods.normal import INITIAL_SCALE
from vqvae_tf.media.images import are_images
from vqvae_tf.models.weights import Weights
from vqvae_tf.nets import halved_sizes

_NETWORKS = {
  'gated_pixelcnn': 'gated_pixelcnn',
  'transformer': 'causal_transformer',
  'wavenet': 'wavenet',
}
# The parts of a model that a file is read with.
_PARTS = {'decoder', 'pixelcnn', 'code_prior', *_NETWORKS.values()}
_MOST_CODES = 2**20

Arrays = dict[str, np.ndarray]


def integers(
  weights: Weights,
  embed: Callable,
  config: Config,
  prior: PriorConfig | None = None,
) -> tuple[Structure, Arrays]:
  """Returns the structure of a model, and integers by name.

  Args:
    weights: of the model and of its prior.
    embed: takes codes int32 `[B, ..., M]` to vectors `[B, ..., D]`.
    config: of the model.
    prior: that of its prior; None: it has none.

  Raises:
    ValueError: if there are no integers with which sums are exact, too many
      vectors for a table, or samples of sound that a WaveNet judges.
  """
  if config.likelihood.is_autoregressive and not are_images(
    config.example_shape
  ):
    raise ValueError('the integers of a WaveNet over samples are not there yet')
  arrays = _codebooks(embed, build.code_shape(config), config)
  named = {
    name.split(':')[0]: values[0]
    for name, values in weights.items()
    # Dropout counts its steps.
    if name.split('/')[0] in _PARTS and values[0].dtype == np.float32
  }
  for name, values in named.items():
    layer, _, part = name.rpartition('/')
    if part == 'w':
      axis = -2 if layer.startswith('decoder/double') else -1
      try:
        found = grid.weights(values, named[f'{layer}/b'], axis)
      except ValueError as error:
        raise ValueError(f'{layer} cannot be exact: {error}') from error
      parts = zip('wbs', found, strict=True)
      arrays |= {f'{layer}/{x}': np.array(own) for x, own in parts}
    elif part != 'b':
      # Tables, and what norms scale by and add.
      arrays[name] = grid.activations(values)
  return _structure(config, prior, weights), arrays


def _structure(config, prior, weights):
  *size, _ = config.example_shape
  sizes = halved_sizes(tuple(size), config.network.num_halvings)
  settings = config.likelihood
  causal = prior and {
    'kind': _NETWORKS[prior.network.network],
    'num_layers': prior.network.num_layers,
    'num_classes': prior.num_classes,
  }
  return Structure(
    tuple(config.example_shape),
    tuple(sizes[::-1]),
    build.codebook_sizes(config.quantizer),
    config.network.num_residual_layers,
    _likelihood(settings, weights),
    {
      'kind': 'pixelcnn',
      'num_layers': settings.causal_layers,
      'block_size': settings.block_size,
    }
    if settings.is_autoregressive
    else None,
    causal,
  )


def _likelihood(settings, weights):
  """Returns the kind of a likelihood, and what its masses need to know."""
  found = {'kind': settings.likelihood}
  if settings.likelihood == 'logistic_mixture':
    count = settings.num_mixtures
    initial = math.log(min(0.125, 0.5 / count))
    found['num_mixtures'] = count
    found['initial_log_scale'] = int(grid.activations(initial))
  if settings.likelihood == 'normal':
    [own] = [
      values[0]
      for name, values in weights.items()
      if name.split(':')[0].endswith('log_scale')
    ] or [math.log(settings.scale or INITIAL_SCALE)]
    found['log_scale'] = int(grid.activations(own))
  return found


def _codebooks(embed, code_shape, config):
  """Returns a table for each codebook, the vectors of codes being their sum.

  So it is of every quantizer: a product's vectors lie side by side, stages are
  added, and one codebook is a table already.
  """
  sizes = build.codebook_sizes(config.quantizer)
  if max(sizes) > _MOST_CODES:
    raise ValueError(
      f'a table of {max(sizes)} codes is too large: the most is {_MOST_CODES}'
    )
  positions = math.prod(code_shape[:-1])
  base: np.ndarray | float = 0.0
  arrays = {}
  for m, size in enumerate(sizes):
    batch = -(-size // positions)
    codes = np.zeros([batch * positions, len(sizes)], np.int32)
    codes[:size, m] = np.arange(size)
    vectors = np.asarray(embed(codes.reshape(batch, *code_shape)), np.float64)
    vectors = vectors.reshape(batch * positions, -1)[:size] - base
    if not m:
      # What codes of 0 stand for is in the first table alone.
      base = vectors[:1]
    arrays[f'codebook_{m}'] = grid.activations(vectors)
  return arrays
