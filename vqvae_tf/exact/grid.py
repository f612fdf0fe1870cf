"""Arithmetic that is never rounded, so that every machine gets the same.

Activations are integers n that stand for n 2^-14, weights are integers that
stand for multiples of 2^-s, s = 20 if possible. All are held in float64. Where
inputs are at most 2^23 in size and the sizes of an output's weights add up to
2^30 at most, every partial sum of products is an integer below 2^53: float64
holds it exactly, so that neither order nor threads, nor fused multiplications,
nor the kernels of a library can matter. What else is done is element by
element: additions, multiplications, divisions, square roots and roundings, of
which IEEE 754 fixes the last bit.
"""

from collections.abc import Iterator

import numpy as np

# Of activations: n stands for n 2^-14.
GRID = 14
ONE = 2.0**GRID
# Of activations in size: 512.
LIMIT = 2.0**23
# Of weights, if their sum allows it; a coarser grid costs nothing to speak of.
FINEST, COARSEST = 20, 8
_EXACT = 2.0**53
# Numbers that are worked on at a time, so that they stay in the cache.
_PER_PASS = 2**16


def settle(sums: np.ndarray) -> np.ndarray:
  """Takes sums to the nearest activations, in place.

  Halves go to even numbers; what is too large becomes the largest.
  """
  np.rint(sums, out=sums)
  return clipped(sums)


def clipped(values: np.ndarray) -> np.ndarray:
  """Keeps activations within the limit, in place."""
  # Of small arrays `np.clip` takes three times as long.
  np.maximum(values, -LIMIT, out=values)
  return np.minimum(values, LIMIT, out=values)


def relu(values: np.ndarray) -> np.ndarray:
  """Returns max(0, x)."""
  return np.maximum(values, 0.0)


def activations(values: np.ndarray | float) -> np.ndarray:
  """Returns numbers as the nearest activations, int32."""
  found = np.rint(np.float64(values) * ONE)
  return np.clip(found, -LIMIT, LIMIT).astype(np.int32)


def weights(values: np.ndarray, biases: np.ndarray, output_axis: int):
  """Returns weights and biases as integers of the finest grid that is exact.

  Args:
    values: floats, of which one axis is that of the outputs.
    biases: floats [outputs].
    output_axis: that axis.

  Returns:
    int32 weights, of units 2^-s; int64 biases, of units 2^-(14 + s); and s.

  Raises:
    ValueError: if there is no such grid.
  """
  for shift in range(FINEST, COARSEST - 1, -1):
    scaled = np.rint(np.float64(values) * 2.0**shift)
    offsets = np.rint(np.float64(biases) * 2.0 ** (GRID + shift))
    if is_exact(scaled, offsets, output_axis) and np.abs(scaled).max() < 2**31:
      return scaled.astype(np.int32), offsets.astype(np.int64), shift
  raise ValueError(
    'its weights are too large, or not finite: sums of them are not provably '
    'exact'
  )


def is_exact(values: np.ndarray, biases: np.ndarray, output_axis: int) -> bool:
  """Returns whether no sum of products of integer weights can be rounded."""
  axes = tuple(k for k in range(values.ndim) if k != output_axis % values.ndim)
  sums = np.abs(np.float64(values)).sum(axes) * LIMIT
  # A NaN fails as well.
  return bool((sums + np.abs(np.float64(biases)) <= _EXACT).all())


def passes(count: int, size: int, most: int = _PER_PASS) -> Iterator[slice]:
  """Yields slices of so many rows of a size, of few enough for the cache."""
  step = max(1, most // size)
  for first in range(0, count, step):
    yield slice(first, min(first + step, count))
