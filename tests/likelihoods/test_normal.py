import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from vqvae_tf.likelihoods import Normal

tfd = tfp.distributions


def oracle(locations, scale, images):
  """float64 nats per pixel; TFP's bins end at integers, hence the shift."""
  levels = tfd.Normal(255.0 * (locations + 0.5) - 0.5, 255.0 * scale)
  return tfd.QuantizedDistribution(levels, low=0.0, high=255.0).log_prob(
    tf.cast(images, tf.float64)
  )


@pytest.mark.parametrize('scale', [0.002, 0.02, 0.125, 2.0, 100.0])
def test_equals_tensorflow_probability(scale):
  # float32 numbers, so that both compute from the same locations.
  locations = np.linspace(-0.7, 0.7, 11, dtype=np.float32)
  images = np.arange(256, dtype=np.uint8)
  grid = np.stack(np.meshgrid(locations, images, indexing='ij'), axis=-1)
  params = tf.constant(grid[..., 0].reshape(-1, 1, 1, 1), tf.float32)
  pixels = tf.constant(grid[..., 1].reshape(-1, 1, 1, 1), tf.uint8)
  likelihood = Normal(1, scale)
  wide = tf.cast(params, tf.float64)
  with tf.GradientTape(persistent=True) as tape:
    tape.watch([params, wide])
    actual = likelihood.log_prob(params, pixels)
    expected = tf.reshape(oracle(wide, scale, pixels), [-1])
  # Masses below e^-600 leave TFP's float64 range.
  sane = expected > -600.0
  assert np.mean(sane) > 0.05
  # float32 locations of 255 levels are exact to 1e-5 levels.
  np.testing.assert_allclose(actual[sane], expected[sane], rtol=1e-5, atol=2e-6)
  # In units of the noise, 1 / scale, both ends of a bin cost 1e-6.
  gradient = tape.gradient(actual, params)[sane]
  wide_gradient = tape.gradient(expected, wide)[sane]
  np.testing.assert_allclose(
    gradient, wide_gradient, rtol=1e-4, atol=5e-6 / scale
  )


def test_ends_take_the_tails():
  likelihood = Normal(1, 0.1)
  for location, value in (-3.0, 0), (3.0, 255):
    params = tf.fill([1, 1, 1, 1], location)
    image = tf.fill([1, 1, 1, 1], tf.constant(value, tf.uint8))
    assert likelihood.log_prob(params, image)[0] == 0.0


def test_is_the_squared_error_of_the_papers():
  scale = 0.1
  likelihood = Normal(1, scale)
  rng = np.random.default_rng(0)
  images = tf.constant(rng.integers(100, 156, [4, 8, 8, 1], np.uint8))
  params = tf.constant(rng.uniform(-0.1, 0.1, [4, 8, 8, 1]), tf.float32)
  mse = np.mean((params - likelihood.to_float(images)) ** 2)
  constant = math.log(255.0 * scale * math.sqrt(2.0 * math.pi))
  nats_per_dim = -np.mean(likelihood.log_prob(params, images)) / 64
  # The bin is 25 times narrower than the noise: a relative error of
  # (1 / 25.5)^2 / 24 in each mass.
  np.testing.assert_allclose(
    nats_per_dim, mse / (2.0 * scale**2) + constant, atol=1e-4
  )


def test_learned_scale():
  likelihood = Normal(1)
  (variable,) = likelihood.trainable_variables
  assert variable.name.endswith('log_scale:0')
  # log(1/8) in float32.
  np.testing.assert_allclose(variable, math.log(0.125), rtol=1e-7)
  params = tf.zeros([1, 8, 8, 1])
  for value, sign in (128, -1.0), (255, 1.0):
    images = tf.fill([1, 8, 8, 1], tf.constant(value, tf.uint8))
    with tf.GradientTape() as tape:
      log_prob = likelihood.log_prob(params, images)
    assert np.sign(tape.gradient(log_prob, variable)) == sign


@pytest.mark.parametrize('log_scale', [-30.0, 30.0])
def test_a_runaway_scale_can_come_back(log_scale):
  likelihood = Normal(1)
  likelihood.log_scale.assign(log_scale)
  images = tf.constant([[[[10], [240]]]], tf.uint8)
  with tf.GradientTape() as tape:
    log_prob = likelihood.log_prob(tf.zeros([1, 1, 2, 1]), images)
  # In units of the noise, 1 / scale, both ends of a bin cost 1e-6.
  gradient = tape.gradient(log_prob, likelihood.log_scale).numpy()
  assert np.isfinite(gradient) and gradient * log_scale < -1e-3


@pytest.mark.parametrize('scale', [0.0, -1.0, 1e-4, math.inf, math.nan])
def test_bad_scale(scale):
  with pytest.raises(ValueError, match=r'scale must lie between 0\.00091'):
    Normal(1, scale)


def test_mean_is_the_clipped_location():
  params = tf.reshape([-1.0, -0.5, 0.0, 0.1, 0.5, 2.0], [1, 1, 6, 1])
  # 127.5 rounds to the even number.
  np.testing.assert_array_equal(
    Normal(1).mean(params)[0, 0, :, 0], [0, 0, 128, 153, 255, 255]
  )
