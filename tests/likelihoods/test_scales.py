import numpy as np
import tensorflow as tf

from vqvae_tf.likelihoods.scales import bounded_log_scale


def test_identity_within_the_limits():
  values = np.linspace(-7.0, 7.0, 57, dtype=np.float32)
  np.testing.assert_array_equal(bounded_log_scale(values), values)


def test_bounded_outside():
  # One above the limit: 7 + 1 / 2; three below: -7 - 3 / 4.
  np.testing.assert_array_equal(
    bounded_log_scale([8.0, -10.0, 1e30, -1e30]), [7.5, -7.75, 8.0, -8.0]
  )


def test_the_gradient_fades_and_stays():
  values = tf.constant([-107.0, -8.0, -7.0, 0.0, 7.0, 8.0, 107.0])
  with tf.GradientTape() as tape:
    tape.watch(values)
    bounded = bounded_log_scale(values)
  far, near = 1.0 / 101.0**2, 0.25
  # Single float32 operations.
  np.testing.assert_allclose(
    tape.gradient(bounded, values),
    [far, near, 1.0, 1.0, 1.0, near, far],
    rtol=1e-6,
  )
