"""Layers are integer arithmetic, whatever computes them."""

import itertools

import numpy as np
import pytest
import threadpoolctl

from vqvae_tf.exact import grid
from vqvae_tf.exact.layers import Affine, Doubling, convolve

RNG = np.random.default_rng(0)
LIMIT = int(grid.LIMIT)


def layer(shape, size, kind=Affine, output_axis=-1):
  """A layer of random weights, with which sums are as large as they may be."""
  values = RNG.normal(0, size, shape)
  biases = RNG.normal(0, size, shape[output_axis])
  w, b, s = grid.weights(values, biases, output_axis)
  arrays = {'x/w': w, 'x/b': b, 'x/s': np.array(s)}
  return kind(arrays, 'x'), w.astype(np.int64), b.astype(np.int64), s


def settled(sums, shift):
  """Takes int64 sums to activations: halves to even, then clipped."""
  unit = 2**shift
  whole, rest = sums // unit, sums % unit
  up = (2 * rest > unit) | ((2 * rest == unit) & (whole % 2 == 1))
  return np.clip(whole + up, -LIMIT, LIMIT)


def inputs(*shape):
  """Activations up to the limit, many of them at it."""
  values = RNG.integers(-2 * LIMIT, 2 * LIMIT, shape)
  return np.clip(values, -LIMIT, LIMIT)


@pytest.mark.parametrize('threads', [1, 2])
@pytest.mark.parametrize('size', [0.01, 1.0, 60.0])
def test_a_product_is_that_of_integers(threads, size):
  """Large enough for all threads; the last weights need a coarser grid."""
  own, w, b, s = layer([384, 300], size)
  x = inputs(400, 384)
  with threadpoolctl.threadpool_limits(threads, 'blas'):
    found = own(x.astype(np.float64))
  np.testing.assert_array_equal(found, settled(x @ w + b, s))
  assert (s < grid.FINEST) == (size == 60.0)


def test_halves_go_to_even():
  arrays = {
    'x/w': np.array([[2**19]], np.int32),
    'x/b': np.zeros(1, np.int64),
    'x/s': np.array(20),
  }
  x = np.float64([[1], [3], [-1], [-3], [2]])
  assert Affine(arrays, 'x')(x).ravel().tolist() == [0, 2, 0, -2, 1]


@pytest.mark.parametrize('sides', [(7,), (5, 6), (3, 2, 4)])
def test_a_convolution_by_hand(sides):
  kernel = [3] * len(sides)
  own, w, b, s = layer([*kernel, 4, 3], 0.1)
  x = inputs(2, *sides, 4)
  found = convolve(own, x.astype(np.float64), [(1, 1)] * len(sides))
  padded = np.pad(x, [(0, 0), *[(1, 1)] * len(sides), (0, 0)])
  sums = np.zeros([2, *sides, 3], np.int64) + b
  for offset in itertools.product(range(3), repeat=len(sides)):
    parts = (slice(k, k + n) for k, n in zip(offset, sides, strict=True))
    sums += padded[(slice(None), *parts)] @ w[offset]
  np.testing.assert_array_equal(found, settled(sums, s))


@pytest.mark.parametrize('size', [(6,), (7,), (4, 7), (5, 4, 2)])
def test_a_transposed_convolution_by_hand(size):
  """Output 2 i - 1 + a sees input i through the kernel's place a."""
  sides = [side // 2 for side in size]
  own, w, b, s = layer([*[4] * len(size), 3, 5], 0.1, Doubling, -2)
  x = inputs(2, *sides, 5)
  found = own.double(x.astype(np.float64), size)
  sums = np.zeros([2, *size, 3], np.int64) + b
  for i in np.ndindex(*sides):
    for a in itertools.product(range(4), repeat=len(size)):
      place = tuple(2 * j - 1 + k for j, k in zip(i, a, strict=True))
      if all(0 <= p < n for p, n in zip(place, size, strict=True)):
        sums[(slice(None), *place)] += x[(slice(None), *i)] @ w[a].T
  np.testing.assert_array_equal(found, settled(sums, s))
