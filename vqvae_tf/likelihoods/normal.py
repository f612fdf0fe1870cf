"""Normal likelihood binned to the 256 values of a pixel."""

import math

import tensorflow as tf

from vqvae_tf import noise
from vqvae_tf.likelihoods import normal_bins
from vqvae_tf.likelihoods.likelihood import Likelihood
from vqvae_tf.likelihoods.scales import LOG_SCALE_LIMIT, bounded_log_scale

INITIAL_SCALE = 1.0 / 8.0


class Normal(Likelihood):
  """The squared error of the papers, made a probability mass, in nats.

      P(v) = Phi((e_v+1 - m) / s) - Phi((e_v - m) / s),
      e_v = (v - 1/2) / 255 - 1/2, but e_0 = -inf and e_256 = inf,

  for location m (the map of the channel) and scale s, both in the pixel
  range: s = 1/8 is 31.875 grey levels. One s serves all pixels. The values 0
  and 255 take the tails. Where s is large against a bin (1/255) and m is
  several s away from black and white,

      -log P(v) = (x - m)^2 / (2 s^2) + log(255 s sqrt(2 pi)), x = to_float(v),

  so that the nats per dimension are MSE / (2 s^2) + const. With a learned
  scale, s^2 settles near the MSE of the training images.

  Zero parameters are a mid-grey picture. `mean` is the rounded location,
  clipped to the pixels.

  Examples:
    >>> likelihood = vqvae_tf.Normal(channels=1, scale=0.1)
    >>> params = tf.fill([1, 1, 1, 1], 0.3)
    >>> likelihood.mean(params).numpy().item()  # 255 (0.3 + 0.5)
    204
    >>> values = tf.reshape(tf.cast(tf.range(256), tf.uint8), [256, 1, 1, 1])
    >>> nats = -likelihood.log_prob(tf.repeat(params, 256, 0), values)
    >>> round(float(tf.reduce_sum(tf.exp(-nats))), 4)
    1.0
  """

  def __init__(
    self,
    channels: int,
    scale: float | None = None,
    name: str | None = None,
  ):
    """Initializes the likelihood.

    Args:
      channels: positive integer C, the channels of an example.
      scale: float, the fixed s in the pixel range, between e^-7 = 0.00092
        (0.23 grey levels) and e^7; or None for a trainable one, of which the
        variable `log_scale` is the logarithm, starting at s = 1/8.
      name: name of the module.

    Raises:
      ValueError: if a fixed scale is out of range, or there are no channels.
    """
    super().__init__(channels, name=name)
    # The bins are narrow against a fixed scale of ten grey levels or more; of a
    # learned one nobody knows.
    self._is_narrow = scale is not None and (
      255.0 * scale * normal_bins.NARROW > 1.0
    )
    if scale is None:
      self.log_scale = tf.Variable(
        math.log(INITIAL_SCALE), dtype=tf.float32, name='log_scale'
      )
      return
    low, high = math.exp(-LOG_SCALE_LIMIT), math.exp(LOG_SCALE_LIMIT)
    if not low <= scale <= high:
      raise ValueError(
        f'scale must lie between {low:.5f} and {high:.0f} (1 is the range of '
        f'a pixel), got {scale}'
      )
    self.log_scale = math.log(scale)

  @property
  def num_params(self) -> int:
    """P = C: one location per sub-pixel."""
    return self.channels

  def _log_mass(self, params, images):
    # In grey levels: the edges are then exact, and neighbours agree on them.
    locations = 255.0 * (params + 0.5)
    precision = 1.0 / (255.0 * self._scale())
    distances = tf.abs(tf.cast(images, tf.float32) - locations)
    if self._is_narrow:
      interior = normal_bins.log_narrow_bin_mass(
        distances * precision, precision
      )
    else:
      interior = normal_bins.log_bin_mass(
        (distances - 0.5) * precision, (distances + 0.5) * precision, precision
      )
    black = images == 0
    inner_edges = tf.where(black, locations - 0.5, 254.5 - locations)
    ends = normal_bins.log_survival(inner_edges * precision)
    return tf.where(black | (images == 255), ends, interior)

  def _mean(self, params):
    return self.to_uint8(params)

  def _sample(self, params, seed):
    noises = noise.normal(tf.shape(params), seed)
    return self.to_uint8(params + self._scale() * noises)

  def _scale(self):
    return tf.exp(bounded_log_scale(tf.convert_to_tensor(self.log_scale)))
