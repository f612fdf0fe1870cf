"""Units of information: nats, bits, bits/dim; entropy of code counts.

NumPy's numbers are taken to float64 first, so that a figure in a table is
exact to the last digit printed, whatever precision produced the nats.
"""

import math
from typing import Any

import numpy as np


def nats_to_bits(nats: Any) -> Any:
  """Converts information from nats to bits.

      bits = nats / ln 2

  Args:
    nats: a number, an array or a tensor of any shape.

  Returns:
    The same kind of thing and shape, in bits; of NumPy's numbers and arrays
    float64, a tensor keeps its dtype.

  Examples:
    >>> nats_to_bits(math.log(512))
    9.0
  """
  if isinstance(nats, (np.ndarray, np.generic)):
    nats = nats.astype(np.float64)
  return nats / math.log(2.0)


def bits_per_dim(nats: Any, num_dims: int) -> Any:
  """Converts nats per example to bits per dimension of the example.

  bits_per_dim = nats / (D ln 2), with D = H * W * C for an image. For
  uncompressed uint8 images the figure is 8.

  Args:
    nats: as for `nats_to_bits`, nats per example (-log p(x)).
    num_dims: positive integer, the dimensions of one example.

  Returns:
    The same kind of thing and shape, in bits per dimension.

  Raises:
    ValueError: if there is not at least one dimension.

  Examples:
    >>> bits_per_dim(64 * math.log(512), num_dims=32 * 32 * 3)
    0.1875
  """
  if num_dims < 1:
    raise ValueError(f'num_dims must be at least 1, got {num_dims}')
  return nats_to_bits(nats) / num_dims


def entropy_bits(counts: np.ndarray) -> float:
  """Entropy, in bits, of the empirical distribution that counts describe.

  H = sum_k p_k log2(1 / p_k), p_k = n_k / sum_j n_j, with 0 log 0 = 0. This
  is the plug-in estimate: it lies below the true entropy by about
  (K - 1) / (2 N ln 2) bits for N observations of K codes.

  Args:
    counts: array of any shape, non-negative finite counts, at least one of
      them positive; the shape plays no part.

  Returns:
    float, in bits, between 0 and log2(K).

  Raises:
    ValueError: if a count is negative or not finite, or if all are zero.

  Examples:
    >>> entropy_bits([2, 1, 1, 0])
    1.5
  """
  counts = _checked(counts)
  used = counts[counts > 0]
  # p before the logarithm: 512 equal counts then give exactly 9 bits.
  probabilities = used / used.sum()
  return float(np.sum(probabilities * np.log2(1.0 / probabilities)))


def cross_entropy_bits(
  counts: np.ndarray, training_counts: np.ndarray
) -> float:
  """Bits per code of a code that was made for the frequencies of other codes.

      H = sum_k p_k log2(1 / q_k), p_k = n_k / sum_j n_j,
      q_k = (m_k + 1) / (sum_j m_j + K)

  The one that is added (Laplace's rule) gives a code that was never seen in
  training a finite cost.

  Args:
    counts: n, array of any shape, as for `entropy_bits`: what is to be coded.
    training_counts: m, of the same shape; all may be zero.

  Returns:
    float, in bits.

  Raises:
    ValueError: if a count is negative or not finite, or if all of `counts` are
      zero.

  Examples:
    >>> cross_entropy_bits([1, 1], training_counts=[0, 0])
    1.0
  """
  counts = _checked(counts)
  # Checked before one is added, which would hide a count of -1.
  seen = _checked(np.append(training_counts, 1))[:-1] + 1
  return float(np.sum(counts * np.log2(seen.sum() / seen)) / counts.sum())


def _checked(counts):
  counts = np.asarray(counts, np.float64).ravel()
  if not np.all(np.isfinite(counts)) or np.any(counts < 0):
    raise ValueError('counts must be finite and not negative')
  if not counts.any():
    raise ValueError('counts are all zero: there is nothing to measure')
  return counts


def perplexity(counts: np.ndarray) -> float:
  """Perplexity of code counts: how many equally used codes they are worth.

  perplexity = 2^H, H the entropy in bits (e^H with H in nats is the same
  number).

  Args:
    counts: as for `entropy_bits`.

  Returns:
    float, in codes, between 1 and K.

  Raises:
    ValueError: if a count is negative or not finite, or if all are zero.

  Examples:
    >>> perplexity([5, 5, 0])
    2.0
  """
  return 2.0 ** entropy_bits(counts)
