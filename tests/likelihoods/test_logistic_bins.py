import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.likelihoods.logistic_bins import log_bin_mass


def softplus(x):
  return np.logaddexp(0.0, x)


def oracle(level, location, log_scale):
  """float64 nats, each edge by itself."""
  middle = 255.0 * (location + 0.5)
  width = np.exp(-log_scale) / 255.0
  below_high = -softplus((middle - (level + 0.5)) * width)
  above_low = -softplus(((level - 0.5) - middle) * width)
  if level in (0, 255):
    return below_high if level == 0 else above_low
  return below_high + above_low + np.log(-np.expm1(-width))


def grid():
  """Locations within and far beyond the pixels, all allowed log-scales."""
  locations = np.concatenate([np.linspace(-0.7, 0.7, 57), [-50.0, 50.0]])
  locations = np.append(locations, (128 / 255.0 - 0.5, 0.5 / 255.0))
  grid = np.meshgrid(locations, np.linspace(-8.0, 8.0, 65), indexing='ij')
  return [axis.ravel().astype(np.float32) for axis in grid]


def differences(function, x, step):
  return (function(x + step) - function(x - step)) / (2.0 * step)


@pytest.mark.parametrize('jit_compile', [False, True])
@pytest.mark.parametrize('level', [0, 1, 128, 254, 255])
def test_mass_and_slopes(level, jit_compile):
  @tf.function(jit_compile=jit_compile)
  def mass_and_slopes(levels, locations, log_scales):
    with tf.GradientTape() as tape:
      tape.watch([locations, log_scales])
      log_mass = log_bin_mass(levels, locations, log_scales)
    return log_mass, *tape.gradient(log_mass, [locations, log_scales])

  locations, log_scales = grid()
  levels = tf.fill(locations.shape, float(level))
  log_mass, by_location, by_log_scale = mass_and_slopes(
    levels, tf.constant(locations), tf.constant(log_scales)
  )
  locations, log_scales = np.float64(locations), np.float64(log_scales)
  widths = np.exp(-log_scales)
  # float32 holds 255 (location + 1/2) to 1e-5 of a grey level beside the
  # pixels, up to 1e-4 of the widest bin; far away it is relative.
  np.testing.assert_allclose(
    log_mass, oracle(level, locations, log_scales), rtol=2e-6, atol=3e-4
  )
  expected = differences(
    lambda x: oracle(level, x, log_scales), locations, 1e-6 / widths
  )
  np.testing.assert_allclose(
    by_location / widths, expected / widths, rtol=1e-5, atol=3e-4
  )
  expected = differences(
    lambda x: oracle(level, locations, x), log_scales, 1e-6
  )
  np.testing.assert_allclose(by_log_scale, expected, rtol=1e-4, atol=3e-4)


def test_a_bin_by_hand():
  # Edges log 3 to either side, at 128 in grey levels: 3/4 - 1/4.
  location = tf.constant([128.0 / 255.0 - 0.5])
  log_scale = tf.constant([-np.log(2.0 * np.log(3.0) * 255.0)], tf.float32)
  log_mass = log_bin_mass(tf.constant([128.0]), location, log_scale)
  # float32 puts the location within 1e-5 of 128.
  np.testing.assert_allclose(log_mass, [np.log(0.5)], rtol=1e-5)


def test_pixels_get_no_gradient():
  levels = tf.constant([3.0])
  with tf.GradientTape() as tape:
    tape.watch(levels)
    log_mass = log_bin_mass(levels, tf.constant([0.1]), tf.constant([-1.0]))
  assert tape.gradient(log_mass, levels) is None
