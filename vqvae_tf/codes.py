"""The codes of examples, int32 `[..., M]`: one of each of M codebooks."""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def bits_per_position(codebook_sizes: Sequence[int]) -> float:
  """Returns the bits of a position's codes under the uniform prior.

      sum_m log2 K_m

  Args:
    codebook_sizes: K of each of the M codebooks.
  """
  return sum(map(math.log2, codebook_sizes))


def checked_codes(
  codes: tf.Tensor, codebook_sizes: tuple[int, ...]
) -> tf.Tensor:
  """Returns the codes as int32 after checking that they exist.

  Args:
    codes: integer [..., M], code m in [0, K_m).
    codebook_sizes: K_m of each of the M codebooks.

  Returns:
    int32 [..., M].

  Raises:
    ValueError: if the codes are no integers or their last dimension is not M.
    InvalidArgumentError: if a code is out of range. A function compiled by
      XLA drops this check.
  """
  codes = tf.convert_to_tensor(codes)
  num_codebooks = len(codebook_sizes)
  if not codes.dtype.is_integer:
    raise ValueError(f'codes must be integers, not {codes.dtype.name}.')
  if codes.shape.rank == 0 or codes.shape[-1] not in (None, num_codebooks):
    raise ValueError(
      f'codes of shape {codes.shape} must end in '
      f'{num_codebooks}, the number of codebooks.'
    )
  sizes = tf.constant(codebook_sizes, tf.int64)
  codes = tf.cast(codes, tf.int64)
  in_range = tf.reduce_all((codes >= 0) & (codes < sizes))
  ranges = ', '.join(f'0..{size - 1}' for size in codebook_sizes)
  check = tf.debugging.Assert(
    in_range,
    [f'Codes are out of range: they must be in {ranges}. Codes:', codes],
  )
  # A lookup before the check could fail first, with less to say.
  with tf.control_dependencies([] if tf.executing_eagerly() else [check]):
    return tf.cast(codes, tf.int32)


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
