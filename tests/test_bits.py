import math
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import bits


def test_nats_to_bits():
  assert bits.nats_to_bits(math.log(2.0)) == 1.0
  result = bits.nats_to_bits(np.float32([0.0, 1.0]))
  assert result.dtype == np.float64
  np.testing.assert_array_equal(result, [0.0, 1.0 / math.log(2.0)])


def test_tensors_pass_through():
  result = bits.nats_to_bits(tf.constant([0.0, math.log(2.0)]))
  assert result.dtype == tf.float32
  np.testing.assert_array_equal(result, [0.0, 1.0])


def test_uniform_pixels_cost_eight_bits_per_dim():
  nats = 32 * 32 * 3 * math.log(256.0)
  # Two roundings of float64.
  np.testing.assert_allclose(bits.bits_per_dim(nats, 3072), 8.0, rtol=1e-15)


def test_bits_per_dim_keeps_the_shape():
  assert bits.bits_per_dim(np.ones([2, 3], np.float32), 4).shape == (2, 3)


def test_bits_per_dim_wants_dimensions():
  with pytest.raises(ValueError, match='num_dims must be at least 1, got 0'):
    bits.bits_per_dim(1.0, 0)


def test_entropy_by_hand():
  # 1/2 * 1 + 2 * 1/4 * 2 = 1.5 bits; the unused code adds nothing.
  assert bits.entropy_bits([2, 1, 1, 0]) == 1.5
  assert bits.perplexity([[2, 1], [1, 0]]) == 2.0**1.5


def test_equal_counts_are_exact():
  counts = np.full(512, 7, np.int64)
  assert bits.entropy_bits(counts) == 9.0
  assert bits.perplexity(counts) == 512.0


def test_one_code_carries_nothing():
  assert bits.entropy_bits([0, 5]) == 0.0
  assert bits.perplexity([0, 5]) == 1.0


def test_cross_entropy_by_hand():
  # The frequencies 4/8, 2/8, 1/8, 1/8: a code that was never seen has a cost.
  assert bits.cross_entropy_bits([1, 0, 0, 3], [3, 1, 0, 0]) == (1 + 3 * 3) / 4
  # Nothing is known: the uniform distribution.
  assert bits.cross_entropy_bits([5, 1, 0, 0], [0, 0, 0, 0]) == 2.0


@pytest.mark.parametrize('name', ['counts', 'training_counts'])
def test_bad_counts_of_a_cross_entropy(name):
  counts = {'counts': [1, 2], 'training_counts': [1, 2], name: [3, -1]}
  with pytest.raises(ValueError, match='finite and not negative'):
    bits.cross_entropy_bits(**counts)


@pytest.mark.parametrize('counts', [[1, -1], [1.0, math.nan], [math.inf]])
def test_bad_counts(counts):
  with pytest.raises(ValueError, match='finite and not negative'):
    bits.entropy_bits(counts)


@pytest.mark.parametrize('counts', [[], [0, 0]])
def test_no_counts(counts):
  with pytest.raises(ValueError, match='all zero'):
    bits.perplexity(counts)


def test_needs_no_tensorflow():
  code = (
    f'import runpy, sys; runpy.run_path({bits.__file__!r});'
    "sys.exit('tensorflow' in sys.modules)"
  )
  subprocess.run([sys.executable, '-c', code], check=True)
