"""Log-masses of the bins of a normal distribution, exact far into the tails."""

import math

import tensorflow as tf

# log((2 + x) R(x)) as a polynomial in (2 - x) / (2 + x), lowest power first:
# a least-squares Chebyshev fit of degree 12 to SciPy's erfcx over all x >= 0,
# with an error of 1.2e-8. R is Mills' ratio, see `_log_mills`.
_LOG_MILLS = (
  0.522048566,
  0.492862198,
  -0.0786298672,
  -0.0358093066,
  0.0209586884,
  0.00102359337,
  -0.00578582217,
  0.00226945688,
  0.000766760869,
  -0.00107421539,
  0.000192045669,
  0.000197547525,
  -8.1110084e-05,
)
_SQRT_HALF = math.sqrt(0.5)
_LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)
# Below this width a difference of two tails or error functions loses digits,
# in its gradient first, and the expansions are good to 1e-7.
NARROW = 0.1


def log_survival(x: tf.Tensor) -> tf.Tensor:
  """Logarithm of the upper tail of the standard normal distribution.

  log Q(x) = log P(X > x), with a relative error around 1e-6 for any x whose
  square float32 can hold.

  Args:
    x: float32 tensor of any shape.

  Returns:
    float32 tensor of the same shape, nats.
  """
  # Not tf.abs, whose gradient at 0 is 0.
  distance = tf.where(x >= 0, x, -x)
  log_tail = _log_tail(distance, _log_mills(distance))
  # log_tail <= log(1/2), so that both branches are finite, and so are their
  # gradients.
  return tf.where(x >= 0, log_tail, tf.math.log1p(-tf.exp(log_tail)))


def log_bin_mass(
  low: tf.Tensor, high: tf.Tensor, width: tf.Tensor
) -> tf.Tensor:
  """Logarithm of the standard normal mass of bins beside or around zero.

  log (Q(low) - Q(high)). For a bin beside zero,

      Q(low) - Q(high) = Q(low) (1 - exp(-D)), D = log Q(low) - log Q(high),

  where D is found without cancellation: as w z + log R(low) - log R(high),
  with z the middle of the bin, or for a narrow bin as the integral of the
  hazard h = 1 / R = -d log Q / dx. A bin around zero is a sum of two error
  functions, or for a narrow bin w phi(z) (1 - w^2 / 24).

  Args:
    low: float32 tensor of any shape, lower edges; the bins must lie so that
      low >= -high, as their mirror images have the same mass.
    high: float32 tensor of the same shape, upper edges.
    width: float32 tensor, positive, high - low; given apart, because the
      difference of large edges has few digits.

  Returns:
    float32 tensor of the same shape, nats.
  """
  beside = low >= 0
  # Each formula is fed harmless numbers where the other one is selected, or
  # its infinite gradient would turn the selected one's into NaN.
  log_beside = _log_mass_beside(
    tf.where(beside, low, 0.0), tf.where(beside, high, width), width
  )
  log_around = _log_mass_around(
    tf.where(beside, -0.5 * width, low),
    tf.where(beside, 0.5 * width, high),
    width,
  )
  return tf.where(beside, log_beside, log_around)


def log_narrow_bin_mass(middle: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
  """Logarithm of the standard normal mass of narrow bins, `width` <= 0.1.

  With y = z w / 2, an integral of phi(z + t) over |t| < w / 2 is

      w phi(z) sinh(y) / y (1 - w^2 / 24),

  up to a relative error that stays below w^2 / 12 in the far tail (z > 1 / w)
  and below 1e-7 elsewhere. It takes one logarithm where `log_bin_mass` takes
  dozens of operations.

  Args:
    middle: float32 tensor of any shape, |z|, the middles of the bins.
    width: float32 scalar tensor w, in (0, 0.1].

  Returns:
    float32 tensor of the same shape, nats.
  """
  y = 0.5 * width * middle
  small = y < 0.3
  square = tf.square(tf.where(small, y, 0.0))
  series = square * (1 / 6 + square * (square / 2835 - 1 / 180))
  large = tf.where(small, 1.0, y)
  closed = large + tf.math.log1p(-tf.exp(-2.0 * large)) - tf.math.log(2 * large)
  log_density = tf.math.log(width) - 0.5 * tf.square(middle) - _LOG_SQRT_2PI
  return log_density + tf.where(small, series, closed) - tf.square(width) / 24.0


def _log_mass_beside(low, high, width):
  log_mills_low = _log_mills(low)
  log_mills_high = _log_mills(high)
  hazard_low = tf.exp(-log_mills_low)
  hazard_high = tf.exp(-log_mills_high)
  # The trapezoid corrected by the slopes at both ends, h' = h (h - x).
  slopes = hazard_low * (hazard_low - low) - hazard_high * (hazard_high - high)
  narrow = width * (0.5 * (hazard_low + hazard_high) + width / 12.0 * slopes)
  wide = width * 0.5 * (low + high) + log_mills_low - log_mills_high
  drop = tf.where(width < NARROW, narrow, wide)
  return _log_tail(low, log_mills_low) + tf.math.log(-tf.math.expm1(-drop))


def _log_mass_around(low, high, width):
  middle = 0.5 * (low + high)
  density = -0.5 * tf.square(middle) - _LOG_SQRT_2PI
  narrow = density + tf.math.log(width) - tf.square(width) / 24.0
  erfs = tf.math.erf(high * _SQRT_HALF) - tf.math.erf(low * _SQRT_HALF)
  return tf.where(width < NARROW, narrow, tf.math.log(0.5 * erfs))


def _log_tail(x, log_mills):
  return log_mills - 0.5 * tf.square(x) - _LOG_SQRT_2PI


def _log_mills(x):
  """log R(x), R(x) = Q(x) / phi(x), for x >= 0."""
  u = (2.0 - x) / (2.0 + x)
  value = tf.zeros_like(u)
  for coefficient in reversed(_LOG_MILLS):
    value = value * u + coefficient
  return value - tf.math.log(2.0 + x)
