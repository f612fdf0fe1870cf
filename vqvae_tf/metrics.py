"""Exact averages over a data set, by example, in float64."""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from vqvae_tf import bits, images
from vqvae_tf.models import Assessment

_TWO_SIDED_95 = 1.96


class Metrics(NamedTuple):
  """What a model is worth on a split.

  Attributes:
    num_examples: images in the split.
    bits_per_dim: pixel + code bits, per pixel and channel.
    pixel_bits_per_dim: -log2 p(x | z), per pixel and channel.
    code_bits_per_dim: -log2 p(z) under the uniform prior, likewise.
    mse: mean squared error in squared grey levels, of reconstructions; None
      where there are none.
    psnr_db: peak signal-to-noise ratio of that, decibels, or None.
    codes_in_use: share of codes used at least once, of all codebooks, 0..1.
    perplexity: exp of the entropy of the used codes, mean over codebooks.
    entropy_bits: entropy of a code, bits, mean over codebooks.
    bits_per_dim_error: half the width of the 95 % confidence interval of
      bits_per_dim over images, 1.96 s / sqrt(N) by the normal approximation,
      s the sample standard deviation of an image's; infinity for N = 1.
    num_sampled: of an autoregressive decoder, of how many images `mse` is,
      with one sample of each as the reconstruction; 0 for other decoders.
    shuffled_bits_per_dim: pixel_bits_per_dim with the codes of other images, of
      half a split before; None if it was not measured.
    codeless_bits_per_dim: pixel bits of the same network trained without codes;
      None if it was not measured.
  """

  num_examples: int
  bits_per_dim: float
  pixel_bits_per_dim: float
  code_bits_per_dim: float
  mse: float | None
  psnr_db: float | None
  codes_in_use: float
  perplexity: float
  entropy_bits: float
  bits_per_dim_error: float = math.inf
  num_sampled: int = 0
  shuffled_bits_per_dim: float | None = None
  codeless_bits_per_dim: float | None = None


class _Spread:
  """Running sums for the standard error of a mean.

  They are sums of differences from the first value: with the values' own
  squares, the variance of values that are far from zero would cancel away.
  """

  def __init__(self):
    self._count, self._first = 0, 0.0
    self._sum = self._sum_of_squares = 0.0

  # A ruined model's bits are infinite.
  @np.errstate(invalid='ignore')
  def add(self, values: np.ndarray) -> None:
    """Adds float64 values `[B]`."""
    if not self._count and len(values):
      self._first = values[0]
    differences = values - self._first
    self._count += len(values)
    self._sum += differences.sum()
    self._sum_of_squares += (differences**2).sum()

  @np.errstate(invalid='ignore')
  def standard_error(self) -> float:
    """Returns s / sqrt(N); infinity for a single value."""
    if self._count < 2:
      return math.inf
    squares = self._sum_of_squares - self._sum**2 / self._count
    # Rounding may leave a little less than zero.
    variance = max(squares, 0.0) / (self._count - 1)
    return math.sqrt(variance / self._count)


def count_codes(codes: np.ndarray, sizes: tuple[int, ...]) -> list[np.ndarray]:
  """Counts the codes of each codebook.

  Args:
    codes: int `[..., M]`.
    sizes: K of each of the M codebooks.

  Returns:
    M arrays int64 `[K_m]`.
  """
  flat = np.asarray(codes).reshape(-1, len(sizes))
  return [
    np.bincount(flat[:, m], minlength=size) for m, size in enumerate(sizes)
  ]


def usage(counts: list[np.ndarray]) -> dict[str, float]:
  """Returns codes_in_use, perplexity and entropy_bits of counts."""
  used = sum(int(np.count_nonzero(c)) for c in counts)
  return {
    'codes_in_use': used / sum(len(c) for c in counts),
    'perplexity': float(np.mean([bits.perplexity(c) for c in counts])),
    'entropy_bits': float(np.mean([bits.entropy_bits(c) for c in counts])),
  }


def errors(mse: float) -> dict[str, float | None]:
  """Returns mse and psnr_db, None if they are no numbers."""
  if math.isnan(mse):
    return {'mse': None, 'psnr_db': None}
  return {'mse': mse, 'psnr_db': images.psnr_db(mse)}


def sum_of_squares(batch: np.ndarray, others: np.ndarray | None) -> float:
  """Returns the sum of squared differences of two uint8 batches, exactly.

  It is no number if there is nothing to compare with.
  """
  if others is None:
    return math.nan
  error = np.asarray(batch, np.int64) - np.asarray(others)
  return float((error**2).sum())


def measure(
  assess: Callable[[np.ndarray], Assessment],
  batches: Iterable,
  codebook_sizes: tuple[int, ...],
) -> Metrics:
  """Measures a model over batches of any size, each example counting once.

  Args:
    assess: takes uint8 `[B, H, W, C]` to an `Assessment`.
    batches: of (images, labels).
    codebook_sizes: K of each codebook.

  Returns:
    `Metrics`.

  Raises:
    ValueError: if there is no example.
  """
  num_examples, num_dims = 0, 0
  bits_by_part, squared_error = np.zeros(2), 0.0
  spread = _Spread()
  counts = [np.zeros(size, np.int64) for size in codebook_sizes]
  for batch, _ in batches:
    batch = np.asarray(batch)
    result = assess(batch)
    num_examples += len(batch)
    num_dims += batch.size
    parts = np.stack([result.pixel_bits, result.code_bits]).astype(np.float64)
    bits_by_part += parts.sum(1)
    spread.add(parts.sum(0))
    squared_error += sum_of_squares(batch, result.reconstructions)
    for total, new in zip(
      counts, count_codes(result.codes, codebook_sizes), strict=True
    ):
      total += new
  if not num_examples:
    raise ValueError('there is no example to measure: the split is empty')
  error = _TWO_SIDED_95 * spread.standard_error() * num_examples / num_dims
  return Metrics(
    num_examples=num_examples,
    bits_per_dim=float(bits_by_part.sum() / num_dims),
    pixel_bits_per_dim=float(bits_by_part[0] / num_dims),
    code_bits_per_dim=float(bits_by_part[1] / num_dims),
    **errors(squared_error / num_dims),
    **usage(counts),
    bits_per_dim_error=float(error),
  )
