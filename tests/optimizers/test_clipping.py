import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.optimizers.clipping import clipped


@pytest.mark.parametrize(
  'largest_norm, factor', [(10.0, 1), (5.0, 1), (2.5, 0.5), (1.0, 0.2)]
)
def test_by_hand(largest_norm, factor):
  # 5 is the norm of (3, 0, 4).
  gradients = [tf.constant([3.0, 0.0]), tf.constant([[-4.0]])]
  first, second = clipped(gradients, largest_norm)
  np.testing.assert_allclose(first, [3 * factor, 0], rtol=1e-6)
  np.testing.assert_allclose(second, [[-4 * factor]], rtol=1e-6)


def test_zeros_stay_zeros():
  [gradient] = clipped([tf.zeros([2])], 1.0)
  np.testing.assert_array_equal(gradient, [0, 0])


def test_what_is_not_finite_stays_so():
  [gradient] = clipped([tf.constant([np.inf, 1.0])], 1.0)
  assert np.isnan(gradient[0])
