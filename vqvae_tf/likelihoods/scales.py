"""Scales of bell-shaped likelihoods, kept where float32 works."""

import tensorflow as tf

# e^-7 of the pixel range is 0.23 grey levels, e^7 is 1,097 ranges.
LOG_SCALE_LIMIT = 7.0


def bounded_log_scale(log_scale: tf.Tensor) -> tf.Tensor:
  """Keeps a log-scale in (-8, 8) with a gradient that never dies.

  f(r) = r within [-7, 7]; beyond a limit L, f(r) = L + e / (1 + |e|) with
  the excess e = r - L. The slope is continuous and falls as 1 / (1 + |e|)^2,
  where a hard clamp has slope 0 and a parameter that once went too far would
  stay there. e^-8 of the pixel range is 0.09 grey levels: a bin then holds
  up to 0.994 of a logistic, 0.008 bits.

  Args:
    log_scale: float32 tensor of any shape, the logarithm of a scale in the
      pixel range.

  Returns:
    float32 tensor of the same shape, in (-8, 8).
  """
  inside = tf.clip_by_value(log_scale, -LOG_SCALE_LIMIT, LOG_SCALE_LIMIT)
  return inside + tf.nn.softsign(log_scale - inside)
