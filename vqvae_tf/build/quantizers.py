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


def quantizer(settings: QuantizerConfig, seed: int) -> Quantizer:
  """Returns an untrained quantizer.

  Args:
    settings: which one, and its numbers.
    seed: of where codes are placed and of dropout.

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
  return makers[settings.quantizer](settings, seed)


def codebook_sizes(settings: QuantizerConfig) -> tuple[int, ...]:
  """Returns K of each codebook of a quantizer, without building it.

  Raises:
    ValueError: if the settings contradict each other.
  """
  if settings.quantizer == 'finite_scalar':
    # It has no variables.
    return _finite_scalar(settings, 0).codebook_sizes
  has_several = settings.quantizer in ('product', 'residual')
  return (settings.num_embeddings,) * (
    settings.num_codebooks if has_several else 1
  )


def _ema(settings, seed):
  return VectorQuantizerEMA(
    settings.embedding_dim,
    settings.num_embeddings,
    settings.commitment_cost,
    settings.decay,
    policy=_policy(settings, seed),
    estimator=settings.estimator,
  )


def _gradient(settings, seed):
  return VectorQuantizer(
    settings.embedding_dim,
    settings.num_embeddings,
    settings.commitment_cost,
    policy=_policy(settings, seed),
    estimator=settings.estimator,
  )


def _product(settings, seed):
  count = settings.num_codebooks
  if settings.embedding_dim % count:
    raise ValueError(
      f'--embedding_dim={settings.embedding_dim} cannot be cut into '
      f'--num_codebooks={count} equal parts'
    )
  part = dataclasses.replace(
    settings, embedding_dim=settings.embedding_dim // count
  )
  return ProductQuantizer(_several(part, seed))


def _residual(settings, seed):
  return ResidualQuantizer(
    _several(settings, seed),
    settings.stage_dropout,
    settings.estimator,
    seed,
  )


def _finite_scalar(settings, seed):
  try:
    levels = [int(level) for level in settings.levels.split(',')]
  except ValueError:
    raise ValueError(
      f'--levels={settings.levels} must be numbers with commas, as 8,5,5,5'
    ) from None
  return FiniteScalarQuantizer(levels)


def _lookup_free(settings, seed):
  num_bits = settings.num_embeddings.bit_length() - 1
  if settings.num_embeddings != 2**num_bits or num_bits < 2:
    raise ValueError(
      f'--num_embeddings={settings.num_embeddings} must be a power of two '
      'from 4 on for lookup_free, which has a bit per dimension'
    )
  return LookupFreeQuantizer(num_bits, settings.commitment_cost)


def _cosine(settings, seed):
  return CosineQuantizer(
    settings.embedding_dim,
    settings.num_embeddings,
    settings.projection_dim,
    settings.commitment_cost,
    settings.decay,
    policy=_policy(settings, seed),
    estimator=settings.estimator,
  )


def _several(settings, seed) -> Sequence[Quantizer]:
  return [_ema(settings, seed + m) for m in range(settings.num_codebooks)]


def _policy(settings, seed):
  return CodebookPolicy(settings.initialization, settings.unused_codes, seed)
