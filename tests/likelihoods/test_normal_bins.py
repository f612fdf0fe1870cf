import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from vqvae_tf.likelihoods import normal_bins


def test_log_survival_equals_scipy():
  x = np.concatenate([np.linspace(-12, 40, 5001), [1e3, 1e6, 1e9]])
  x = x.astype(np.float32)
  expected = scipy.special.log_ndtr(-x.astype(np.float64))
  # The fit is good to 1e-8, float32 to 1e-7 of either term.
  np.testing.assert_allclose(
    normal_bins.log_survival(x), expected, rtol=3e-7, atol=3e-7
  )


def test_slope_of_log_survival_is_the_hazard():
  x = tf.constant([-3.0, 0.0, 3.0])
  with tf.GradientTape() as tape:
    tape.watch(x)
    log_survival = normal_bins.log_survival(x)
  # phi / Q; at zero sqrt(2 / pi).
  np.testing.assert_allclose(
    tape.gradient(log_survival, x),
    -np.exp(-0.5 * x**2 - log_survival) / np.sqrt(2.0 * np.pi),
    # The slope of the fit is less exact than the fit.
    rtol=1e-5,
  )


def log_mass_of_narrow_bin(middle, width):
  """float64 nats by quadrature of phi(z + t) / phi(z) over the bin."""
  nodes, weights = np.polynomial.legendre.leggauss(50)
  t = 0.5 * width * nodes
  ratio = 0.5 * np.sum(weights * np.exp(-middle * t - 0.5 * t * t))
  density = -0.5 * middle**2 - 0.5 * np.log(2.0 * np.pi)
  return density + np.log(width) + np.log(ratio)


@pytest.mark.parametrize('width', [1e-6, 1e-3, 0.0999, 0.1001, 1.0, 4.0])
@pytest.mark.parametrize('middle', [0.0, 0.04, 0.5, 2.0, 5.0, 30.0])
def test_log_bin_mass_equals_quadrature(middle, width):
  low = np.float32(middle - width / 2)
  high = np.float32(middle + width / 2)
  actual = normal_bins.log_bin_mass(low, high, np.float32(width))
  expected = log_mass_of_narrow_bin(middle, width)
  # Rounding the edges to float32 moves the bin by up to 6e-8 |middle|, where
  # the slope of the log-density is |middle|.
  np.testing.assert_allclose(actual, expected, rtol=3e-6)


@pytest.mark.parametrize('middle', [0.0, 0.3, 1e2, 1e5, 1e9])
@pytest.mark.parametrize('width', [1e-6, 1e-2, 1.0, 1e3])
def test_gradients_are_finite(middle, width):
  middle, width = tf.constant(middle), tf.constant(width)
  with tf.GradientTape() as tape:
    tape.watch([middle, width])
    log_mass = normal_bins.log_bin_mass(
      middle - 0.5 * width, middle + 0.5 * width, width
    )
  assert np.isfinite(log_mass)
  assert np.all(np.isfinite(tape.gradient(log_mass, [middle, width])))
