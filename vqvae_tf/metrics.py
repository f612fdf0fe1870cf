"""Exact averages over a data set, by example, in float64."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from vqvae_tf import bits, images
from vqvae_tf.models import Assessment


class Metrics(NamedTuple):
  """What a model is worth on a split.

  Attributes:
    num_examples: images in the split.
    bits_per_dim: pixel + code bits, per pixel and channel.
    pixel_bits_per_dim: -log2 p(x | z), per pixel and channel.
    code_bits_per_dim: -log2 p(z) under the uniform prior, likewise.
    mse: mean squared error in squared grey levels.
    psnr_db: peak signal-to-noise ratio of that, decibels.
    codes_in_use: share of codes used at least once, of all codebooks, 0..1.
    perplexity: exp of the entropy of the used codes, mean over codebooks.
    entropy_bits: entropy of a code, bits, mean over codebooks.
  """

  num_examples: int
  bits_per_dim: float
  pixel_bits_per_dim: float
  code_bits_per_dim: float
  mse: float
  psnr_db: float
  codes_in_use: float
  perplexity: float
  entropy_bits: float


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
  pixel_bits = code_bits = squared_error = 0.0
  counts = [np.zeros(size, np.int64) for size in codebook_sizes]
  for batch, _ in batches:
    batch = np.asarray(batch)
    result = assess(batch)
    num_examples += len(batch)
    num_dims += batch.size
    pixel_bits += np.asarray(result.pixel_bits, np.float64).sum()
    code_bits += np.asarray(result.code_bits, np.float64).sum()
    error = batch.astype(np.int64) - np.asarray(result.reconstructions)
    squared_error += float((error**2).sum())
    for total, new in zip(
      counts, count_codes(result.codes, codebook_sizes), strict=True
    ):
      total += new
  if not num_examples:
    raise ValueError('there is no example to measure: the split is empty')
  mse = squared_error / num_dims
  return Metrics(
    num_examples=num_examples,
    bits_per_dim=float((pixel_bits + code_bits) / num_dims),
    pixel_bits_per_dim=float(pixel_bits / num_dims),
    code_bits_per_dim=float(code_bits / num_dims),
    mse=mse,
    psnr_db=images.psnr_db(mse),
    **usage(counts),
  )
