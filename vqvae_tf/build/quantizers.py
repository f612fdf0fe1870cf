"""From the settings of a quantizer to the quantizer."""

import dataclasses
from collections.abc import Sequence

from vqvae_tf.configs import QuantizerConfig
from vqvae_tf.quantizers import (
  CodebookPolicy,
  CosineQuantizer,
  FiniteScalarQuantizer,
  LookupFreeQuantizer,
  ProductQuantizer,
  Quantizer,
  ResidualQuantizer,
  VectorQuantizer,
  VectorQuantizerEMA,
)


def quantizer(
  settings: QuantizerConfig, seed: int, accumulation_steps: int = 1
) -> Quantizer:
  """Returns an untrained quantizer.

  Args:
    settings: which one, and its numbers.
    seed: of where codes are placed and of dropout.
    accumulation_steps: calls between two moves of a codebook that follows
      averages.

  Raises:
    ValueError: if the settings contradict each other.
  """
  makers = {
    'ema': _ema,
    'gradient': _gradient,
    'product': _product,
    'residual': _residual,
    'finite_scalar': _finite_scalar,
    'lookup_free': _lookup_free,
    'cosine': _cosine,
  }
  return makers[settings.quantizer](settings, seed, accumulation_steps)


def codebook_sizes(settings: QuantizerConfig) -> tuple[int, ...]:
  """Returns K of each codebook of a quantizer, without building it.

  Raises:
    ValueError: if the settings contradict each other.
  """
  if settings.quantizer == 'finite_scalar':
    # It has no variables.
    return _finite_scalar(settings).codebook_sizes
  has_several = settings.quantizer in ('product', 'residual')
  return (settings.num_embeddings,) * (
    settings.num_codebooks if has_several else 1
  )


def _ema(settings, seed, accumulation_steps):
  return VectorQuantizerEMA(
    settings.embedding_dim,
    settings.num_embeddings,
    settings.commitment_cost,
    settings.decay,
    policy=_policy(settings, seed),
    estimator=settings.estimator,
    accumulation_steps=accumulation_steps,
  )


def _gradient(settings, seed, _):
  return VectorQuantizer(
    settings.embedding_dim,
    settings.num_embeddings,
    settings.commitment_cost,
    policy=_policy(settings, seed),
    estimator=settings.estimator,
  )


def _product(settings, seed, accumulation_steps):
  count = settings.num_codebooks
  if settings.embedding_dim % count:
    raise ValueError(
      f'--embedding_dim={settings.embedding_dim} cannot be cut into '
      f'--num_codebooks={count} equal parts'
    )
  part = dataclasses.replace(
    settings, embedding_dim=settings.embedding_dim // count
  )
  return ProductQuantizer(_several(part, seed, accumulation_steps))


def _residual(settings, seed, accumulation_steps):
  return ResidualQuantizer(
    _several(settings, seed, accumulation_steps),
    settings.stage_dropout,
    settings.estimator,
    seed,
  )


def _finite_scalar(settings, *_):
  try:
    levels = [int(level) for level in settings.levels.split(',')]
  except ValueError:
    raise ValueError(
      f'--levels={settings.levels} must be numbers with commas, as 8,5,5,5'
    ) from None
  return FiniteScalarQuantizer(levels)


def _lookup_free(settings, *_):
  num_bits = settings.num_embeddings.bit_length() - 1
  if settings.num_embeddings != 2**num_bits or num_bits < 2:
    raise ValueError(
      f'--num_embeddings={settings.num_embeddings} must be a power of two '
      'from 4 on for lookup_free, which has a bit per dimension'
    )
  return LookupFreeQuantizer(num_bits, settings.commitment_cost)


def _cosine(settings, seed, accumulation_steps):
  if accumulation_steps > 1:
    raise ValueError(
      f'--accumulation_steps={accumulation_steps} is not for '
      '--quantizer=cosine, whose codebook moves with each part of a batch: '
      'leave it out'
    )
  return CosineQuantizer(
    settings.embedding_dim,
    settings.num_embeddings,
    settings.projection_dim,
    settings.commitment_cost,
    settings.decay,
    policy=_policy(settings, seed),
    estimator=settings.estimator,
  )


def _several(settings, seed, accumulation_steps) -> Sequence[Quantizer]:
  return [
    _ema(settings, seed + m, accumulation_steps)
    for m in range(settings.num_codebooks)
  ]


def _policy(settings, seed):
  return CodebookPolicy(settings.initialization, settings.unused_codes, seed)
