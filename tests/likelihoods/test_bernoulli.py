import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from vqvae_tf.likelihoods import Bernoulli


def test_equals_tensorflow_probability():
  rng = np.random.default_rng(0)
  params = tf.constant(rng.normal(0.0, 5.0, [2, 4, 4, 3]), tf.float32)
  images = (255 * rng.integers(0, 2, [2, 4, 4, 3])).astype(np.uint8)
  expected = tfp.distributions.Bernoulli(
    logits=tf.cast(params, tf.float64)
  ).log_prob(images == 255)
  # Sums of 48 float32 terms.
  np.testing.assert_allclose(
    Bernoulli(3).log_prob(params, images),
    tf.reduce_sum(expected, axis=[1, 2, 3]),
    rtol=1e-6,
  )


def test_other_values_are_impossible():
  likelihood = Bernoulli(1)

  def value_and_gradient(params, images):
    with tf.GradientTape() as tape:
      tape.watch(params)
      log_prob = likelihood.log_prob(params, images)
    return log_prob, tape.gradient(log_prob, params)

  images = tf.reshape(tf.constant([0, 1, 128, 254], tf.uint8), [4, 1, 1, 1])
  params = tf.zeros([4, 1, 1, 1])
  for jit_compile in False, True:
    function = tf.function(value_and_gradient, jit_compile=jit_compile)
    log_prob, gradient = function(params, images)
    # log(1/2) in float32.
    np.testing.assert_allclose(log_prob[0], -np.log(2.0), rtol=1e-6)
    np.testing.assert_array_equal(log_prob[1:], [-np.inf] * 3)
    # d/dl log sigmoid(-l) = -1/2 for the possible pixel.
    np.testing.assert_array_equal(gradient[:, 0, 0, 0], [-0.5, 0, 0, 0])


def test_mean_is_the_likelier_value():
  params = tf.reshape([-3.0, -0.1, 0.0, 0.1, 3.0], [1, 1, 5, 1])
  np.testing.assert_array_equal(
    Bernoulli(1).mean(params)[0, 0, :, 0], [0, 0, 0, 255, 255]
  )
