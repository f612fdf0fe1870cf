"""Log-masses of the bins of logistic distributions, with their slopes."""

import tensorflow as tf


def log_bin_mass(
  levels: tf.Tensor, locations: tf.Tensor, log_scales: tf.Tensor
) -> tf.Tensor:
  """Nats of the bin of each pixel value under each logistic distribution.

  P(v) = F((v + 1/2 - m) / s) - F((v - 1/2 - m) / s), F the logistic function,

  with m and s in grey levels here; the values 0 and 255 take the tails. With
  the near edge at a and the far edge at b = a + w scales from the location,
  w = 1 / s, the symmetry of F gives for either side

      P = F(-a) - F(-b) = F(-a) F(b) (1 - exp(-w)),

  exact at any distance and any scale. A bin at an end has only its inner
  edge: P = F(-a).

  The gradient is written out, from the same few transcendental functions.

  Args:
    levels: float32 tensor of pixel values v in {0..255}, of a shape that
      broadcasts to that of the locations.
    locations: float32 tensor of any shape, in the pixel range (m / 255 - 1/2).
    log_scales: float32 tensor of the same shape, in the pixel range
      (log(s / 255)), at most 8 in size.

  Returns:
    float32 tensor of the same shape, nats.
  """
  return _log_bin_mass(levels, locations, log_scales)


@tf.custom_gradient
def _log_bin_mass(levels, locations, log_scales):
  # In grey levels: the edges are then exact, and neighbours agree on them.
  offsets = 255.0 * (locations + 0.5) - levels
  widths = tf.exp(-log_scales) / 255.0
  at_end = (levels == 0.0) | (levels == 255.0)
  # An end's inner edge faces one way, even if the location lies beyond it.
  sides = tf.where(at_end, tf.sign(127.0 - levels), tf.sign(offsets))
  near = (sides * offsets - 0.5) * widths
  far = near + widths
  # F of minus the size is never rounded to 1, and 1 minus it loses nothing.
  near_tail = tf.sigmoid(-tf.abs(near))
  far_tail = tf.where(at_end, 0.0, tf.sigmoid(-far))
  inside = tf.where(at_end, 1.0, -tf.math.expm1(-widths))
  # log F(-a) = log F(|a|) - max(a, 0); the product is never below 2e-7.
  factors = (1.0 - near_tail) * (1.0 - far_tail) * inside
  log_mass = tf.math.log(factors) - tf.maximum(near, 0.0)

  # Slopes along the two edges and the width, the width's times the width:
  # w exp(-w) / (1 - exp(-w)) = w / (1 - exp(-w)) - w.
  by_near = -tf.where(near > 0.0, 1.0 - near_tail, near_tail)
  by_inside = tf.where(at_end, 0.0, widths / inside - widths)
  by_location = 255.0 * widths * sides * (by_near + far_tail)
  by_log_scale = -(near * by_near + far * far_tail + by_inside)

  def gradient(upstream):
    return None, upstream * by_location, upstream * by_log_scale

  return log_mass, gradient
