"""Exact averages over a data set, by example, in float64."""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from vqvae_tf.codes import count_codes
from vqvae_tf.media.examples import psnr_db
from vqvae_tf.metrics.usage import usage
from vqvae_tf.models import Assessment, CodeCost

_TWO_SIDED_95 = 1.96


class Metrics(NamedTuple):
  """What a model is worth on a split.

  Attributes:
    num_examples: images in the split.
    bits_per_dim: pixel + code bits, per pixel and channel; codes under the
      learned prior where there is one.
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
    code_bits_learned_per_dim: -log2 p(z) under the learned prior, whose label
      is summed over if it is conditional; None where there is no such prior.
    code_bits_given_class_per_dim: -log2 p(z | y) under a conditional prior.
    bits_per_code: code_bits_learned_per_dim, but per code.
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
  code_bits_learned_per_dim: float | None = None
  code_bits_given_class_per_dim: float | None = None
  bits_per_code: float | None = None


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


def errors(mse: float) -> dict[str, float | None]:
  """Returns mse and psnr_db, None if they are no numbers."""
  if math.isnan(mse):
    return {'mse': None, 'psnr_db': None}
  return {'mse': mse, 'psnr_db': psnr_db(mse)}


def sum_of_squares(batch: np.ndarray, others: np.ndarray | None) -> float:
  """Returns the sum of squared differences of two uint8 batches, exactly.

  It is no number if there is nothing to compare with.
  """
  if others is None:
    return math.nan
  error = np.asarray(batch, np.int64) - np.asarray(others)
  return float((error**2).sum())


class _Bits:
  """Running sums of the bits of images, by their field in `Metrics`."""

  def __init__(self):
    self._sums, self._spread = {}, _Spread()
    self._num_dims = self._num_codes = 0

  def add(
    self, num_dims: int, result: Assessment, of_codes: CodeCost | None
  ) -> None:
    """Adds a batch, of so many dimensions in all."""
    parts = {
      'pixel_bits_per_dim': result.pixel_bits,
      'code_bits_per_dim': result.code_bits,
    }
    cost = result.code_bits
    if of_codes:
      parts['code_bits_learned_per_dim'] = cost = of_codes.marginal
    if of_codes and of_codes.given_class is not None:
      parts['code_bits_given_class_per_dim'] = of_codes.given_class
    parts['bits_per_dim'] = np.float64(result.pixel_bits) + np.float64(cost)
    for name, values in parts.items():
      total = np.asarray(values, np.float64).sum()
      self._sums[name] = self._sums.get(name, 0.0) + total
    self._spread.add(parts['bits_per_dim'])
    self._num_dims += num_dims
    self._num_codes += np.size(result.codes)

  def fields(self, num_examples: int) -> dict[str, float]:
    """Returns fields of `Metrics`, of so many images."""
    per_image = self._num_dims / num_examples
    error = _TWO_SIDED_95 * self._spread.standard_error() / per_image
    result = {k: float(v / self._num_dims) for k, v in self._sums.items()}
    learned = self._sums.get('code_bits_learned_per_dim')
    if learned is not None:
      result['bits_per_code'] = float(learned / self._num_codes)
    return result | {'bits_per_dim_error': float(error)}


def measure(
  assess: Callable[[np.ndarray], Assessment],
  batches: Iterable,
  codebook_sizes: tuple[int, ...],
  learned: Callable[[np.ndarray, np.ndarray], CodeCost] | None = None,
) -> Metrics:
  """Measures a model over batches of any size, each example counting once.

  Args:
    assess: takes uint8 `[B, ..., C]` to an `Assessment`.
    batches: of (examples, labels).
    codebook_sizes: K of each codebook.
    learned: takes codes int32 `[B, ..., M]` and labels to their `CodeCost`,
      where there is a learned prior.

  Returns:
    `Metrics`.

  Raises:
    ValueError: if there is no example.
  """
  num_examples, num_dims = 0, 0
  sums, squared_error = _Bits(), 0.0
  counts = [np.zeros(size, np.int64) for size in codebook_sizes]
  for batch, labels in batches:
    batch = np.asarray(batch)
    result = assess(batch)
    num_examples += len(batch)
    num_dims += batch.size
    of_codes = learned(result.codes, labels) if learned else None
    sums.add(batch.size, result, of_codes)
    squared_error += sum_of_squares(batch, result.reconstructions)
    for total, new in zip(
      counts, count_codes(result.codes, codebook_sizes), strict=True
    ):
      total += new
  if not num_examples:
    raise ValueError('there is no example to measure: the split is empty')
  return Metrics(
    num_examples=num_examples,
    **sums.fields(num_examples),
    **errors(squared_error / num_dims),
    **usage(counts),
  )
