import math

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.media import examples

SHAPES = [(2, 3, 1), (2, 3, 4, 1), (2, 5, 3, 4, 1)]


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('kind', [np.asarray, tf.constant])
def test_uint8_batches_pass(kind, shape):
  examples.check_examples(kind(np.zeros(shape, np.uint8)))


@pytest.mark.parametrize('dtype', ['float32', 'int32', 'bool'])
@pytest.mark.parametrize('kind', [np.asarray, tf.constant])
def test_another_dtype_is_named(kind, dtype):
  with pytest.raises(ValueError, match=f'must be uint8 .* not {dtype}'):
    examples.check_examples(kind(np.zeros([2, 3, 4, 1], dtype)))


def test_a_lower_rank_is_named():
  message = r'\[B, ..., C\] of rank 3 or more, .* not of shape \(3, 4\)'
  with pytest.raises(ValueError, match=message):
    examples.check_examples(np.zeros([3, 4], np.uint8))


def test_unknown_batch_sizes_pass():
  spec = tf.TensorSpec([None, 3, 4, 1], tf.uint8)
  examples.check_examples(spec)


@pytest.mark.parametrize(
  'mse, expected', [(65025, 0.0), (650.25, 20.0), (0, math.inf)]
)
def test_psnr_by_hand(mse, expected):
  # A logarithm and a product of float64.
  assert examples.psnr_db(mse) == pytest.approx(expected, abs=1e-12)
