import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from vqvae_tf.likelihoods import LogisticMixture

tfd = tfp.distributions


def oracle(parts, images):
  """float64 nats per pixel [B, N] from parts that are float64 too."""
  batch, height, width, channels = images.shape
  images = tf.reshape(images, [batch, height * width, channels])
  images = tf.cast(images, tf.float64)
  pixels = images[:, tf.newaxis] / 255.0 - 0.5
  locations = []
  row = 0
  for c in range(channels):
    location = parts.locations[c]
    for j in range(c):
      location += parts.coefficients[row] * pixels[..., j]
      row += 1
    locations.append(tf.linalg.matrix_transpose(location))
  log_scales = [tf.linalg.matrix_transpose(part) for part in parts.log_scales]
  # [B, N, K, C]; TFP's bins end at integers, hence the shift.
  locations = 255.0 * (tf.stack(locations, axis=-1) + 0.5) - 0.5
  scales = 255.0 * tf.exp(tf.stack(log_scales, axis=-1))
  components = tfd.QuantizedDistribution(
    tfd.Logistic(locations, scales), low=0.0, high=255.0
  )
  mixture = tfd.MixtureSameFamily(
    tfd.Categorical(logits=tf.linalg.matrix_transpose(parts.logits)),
    tfd.Independent(components, 1),
  )
  return mixture.log_prob(images)


@pytest.mark.parametrize('channels', [1, 2, 3])
def test_equals_tensorflow_probability(channels):
  likelihood = LogisticMixture(channels, num_mixtures=4)
  rng = np.random.default_rng(channels)
  shape = [64, 3, 2]
  params = rng.normal(0.0, 0.5, [*shape, likelihood.num_params])
  params = tf.constant(params, tf.float32)
  images = rng.integers(0, 256, [*shape, channels], np.uint8)
  images[:8], images[8:16] = 0, 255
  with tf.GradientTape(persistent=True) as tape:
    tape.watch(params)
    actual = likelihood.log_prob(params, images)
    parts = likelihood.components(params)
    wide = tf.nest.map_structure(lambda p: tf.cast(p, tf.float64), parts)
    expected = tf.reduce_sum(oracle(wide, images), axis=1)
  # Sums of up to 18 float32 terms.
  np.testing.assert_allclose(actual, expected, rtol=3e-6)
  np.testing.assert_allclose(
    tape.gradient(actual, params),
    tape.gradient(expected, params),
    rtol=1e-3,
    # The largest gradients are around 10.
    atol=1e-4,
  )


def test_default_number_of_maps():
  assert LogisticMixture(1).num_params == 15
  assert LogisticMixture(3).num_params == 50
  assert LogisticMixture(3, num_mixtures=10).num_params == 100


def test_blue_is_conditioned_on_red_and_green():
  """Summing blue out leaves the two-channel mixture of red and green."""
  colour, two = LogisticMixture(3, 2), LogisticMixture(2, 2)
  rng = np.random.default_rng(1)
  rows = rng.normal(0.0, 0.5, [10, 2]).astype(np.float32)
  # Logits, locations, log-scales, and the coefficient of red for green.
  rows_of_two = rows[[0, 1, 2, 4, 5, 7]]
  red, green = 200, 30
  blue = np.arange(256)
  images = np.stack(np.broadcast_arrays(red, green, blue), axis=-1)
  log_joint = colour.log_prob(
    tf.constant(np.tile(rows.reshape(1, 1, 1, -1), [256, 1, 1, 1])),
    tf.constant(images.reshape(256, 1, 1, 3), tf.uint8),
  )
  log_marginal = two.log_prob(
    tf.constant(rows_of_two.reshape(1, 1, 1, -1)),
    tf.constant([[[[red, green]]]], tf.uint8),
  )
  # 256 float32 masses.
  np.testing.assert_allclose(
    tf.reduce_logsumexp(log_joint), log_marginal[0], atol=1e-5
  )


def test_coefficients_move_later_channels_by_hand():
  likelihood = LogisticMixture(3, 1)
  params = np.zeros([1, 1, 1, 10], np.float32)
  # Red at 0.4; green leans on red, blue on red and green, with tanh(20) = 1.
  params[..., 1] = 0.4
  params[..., 7:] = 20.0, -20.0, 20.0
  # Red 0.4 -> 229.5; green 0 + 0.4; blue 0 - 0.4 + 0.4.
  mean = likelihood.mean(tf.constant(params)).numpy().ravel()
  np.testing.assert_allclose(mean, [229.5, 229.5, 127.5], atol=0.5)


def test_mean_by_hand():
  likelihood = LogisticMixture(1, 2)
  params = np.zeros([1, 1, 1, 6], np.float32)
  # Weights 1/4 and 3/4; locations -0.25 + 0.05 and 0.25 + 9, clipped to 0.5.
  params[..., :4] = 0.0, np.log(3.0), 0.05, 9.0
  # 255 (0.5 - 0.05 + 0.375) = 210.375
  assert likelihood.mean(tf.constant(params)).numpy().item() == 210


def test_a_component_holds_for_all_channels():
  likelihood = LogisticMixture(2, 2)
  params = np.zeros([1, 1, 1, likelihood.num_params], np.float32)
  params[..., 6:10] = -6.0
  # Components at a quarter and three quarters, narrow: 63.75 and 191.25.
  params = np.tile(params, [200, 1, 1, 1])
  samples = likelihood.sample(tf.constant(params), [0, 1]).numpy()
  bright = samples[:, 0, 0] > 127
  np.testing.assert_array_equal(bright[:, 0], bright[:, 1])
  assert 0.3 < bright[:, 0].mean() < 0.7


@pytest.mark.parametrize('num_mixtures', [1, 5, 10])
def test_zero_params_are_a_sensible_start(num_mixtures):
  likelihood = LogisticMixture(1, num_mixtures)
  images = tf.constant(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1))
  params = tf.zeros([1, 16, 16, likelihood.num_params])
  with tf.GradientTape() as tape:
    tape.watch(params)
    log_prob = likelihood.log_prob(params, images)
  # Bits of uniform pixels; the best mass takes 8.
  bits_per_dim = -log_prob.numpy().item() / 256 / np.log(2.0)
  assert bits_per_dim < (8.2 if num_mixtures >= 5 else 9.5)
  # No two components are pushed alike by a dark pixel.
  gradient = tape.gradient(log_prob, params)[0, 0, 0, :num_mixtures]
  assert len(np.unique(gradient)) == num_mixtures


@pytest.mark.parametrize('log_scale', [-50.0, 50.0])
def test_a_runaway_scale_can_come_back(log_scale):
  likelihood = LogisticMixture(1, 1)
  params = tf.constant([0.0, 0.3, log_scale], shape=[1, 1, 1, 3])
  image = tf.constant([[[[128]]]], tf.uint8)
  with tf.GradientTape() as tape:
    tape.watch(params)
    log_prob = likelihood.log_prob(params, image)
  gradient = tape.gradient(log_prob, params)[0, 0, 0, 2].numpy()
  assert np.isfinite(gradient) and gradient * log_scale < -1e-3


def test_narrowest_scale_leaves_little_waste():
  likelihood = LogisticMixture(1, 1)
  params = tf.constant([0.0, 0.0, -1e6], shape=[1, 1, 1, 3])
  # 255 (0.5 + 0.5 / 255) = 128, the middle of a bin.
  params += tf.constant([0.0, 0.5 / 255.0, 0.0])
  log_prob = likelihood.log_prob(params, tf.constant([[[[128]]]], tf.uint8))
  # F(w / 2) - F(-w / 2) = tanh(w / 4) for w = e^8 / 255 = 11.69 scales.
  expected = -np.log(np.tanh(np.exp(8.0) / 255.0 / 4.0))
  # 1e-6 of the log-scale is still missing, and float32 takes log(1 - 0.006).
  np.testing.assert_allclose(-log_prob, [expected], rtol=1e-4)
  assert expected / np.log(2.0) < 0.0084


def test_bad_number_of_mixtures():
  with pytest.raises(ValueError, match='must be at least 1, got 0'):
    LogisticMixture(1, 0)
