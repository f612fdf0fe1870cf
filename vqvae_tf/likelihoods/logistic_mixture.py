"""Mixture of discretized logistics, with channels conditioned on channels."""

import math
from typing import NamedTuple

import tensorflow as tf

from vqvae_tf.likelihoods import noise
from vqvae_tf.likelihoods.likelihood import Likelihood
from vqvae_tf.likelihoods.scales import bounded_log_scale


class Components(NamedTuple):
  """The parts of a mixture of K components over pixels of C channels.

  Attributes:
    logits: float32 [B, H, W, K], of the component that all channels share.
    locations: float32 [B, H, W, C, K], in the pixel range, before the
      earlier channels move them.
    log_scales: float32 [B, H, W, C, K], of scales in the pixel range.
    coefficients: float32 [B, H, W, C (C - 1) / 2, K], in (-1, 1), of channel
      j for channel c > j at row c (c - 1) / 2 + j.
  """

  logits: tf.Tensor
  locations: tf.Tensor
  log_scales: tf.Tensor
  coefficients: tf.Tensor


class LogisticMixture(Likelihood):
  """Mixture of logistics per pixel, binned to its 256 values, in nats.

  P(v_1 .. v_C) = sum_k pi_k prod_c [ F((e_vc+1 - m_ck) / s_ck)
                                      - F((e_vc - m_ck) / s_ck) ],
  m_ck = l_ck + sum_j<c tanh(a_cjk) x_j, F the logistic function,
  e_v = (v - 1/2) / 255 - 1/2, but e_0 = -inf and e_256 = inf,

  in the pixel range, x_j = to_float(v_j). So green's location leans on the
  red pixel and blue's on red and green, while one component k holds for all
  channels. The values 0 and 255 take the tails.

  With zero parameters the K locations are spread evenly over the range, which
  also lets components grow apart, and the scales are 1 / (2 K), at most 1/8.
  Scales stay above e^-8, 0.09 grey levels (see `bounded_log_scale`). The
  published model takes pixels in [-1, 1]: its scales and locations are twice
  these.

  `mean` is the rounded mean over components of their locations, each clipped
  to the pixels and following the clipped locations of earlier channels.

  References:
    Salimans et al., "PixelCNN++", 2017, section 2.1 and 2.2.
  """

  def __init__(self, channels, num_mixtures=5, name=None):
    """Initializes the likelihood.

    Args:
      channels: positive integer C, the channels of an image.
      num_mixtures: positive integer K, the logistics in the mixture.
      name: name of the module.

    Raises:
      ValueError: if there is not at least one channel and one logistic.
    """
    super().__init__(channels, name=name)
    if num_mixtures < 1:
      raise ValueError(f"num_mixtures must be at least 1, got {num_mixtures}")
    self.num_mixtures = num_mixtures

  @property
  def num_params(self):
    """P = K (1 + 2 C + C (C - 1) / 2); 3 K in grey, 10 K in colour."""
    return self.num_mixtures * self._rows

  @property
  def _rows(self):
    return 1 + 2 * self.channels + self.channels * (self.channels - 1) // 2

  def components(self, params):
    """Takes the decoder's maps apart, in the pixel range.

    Map K r + k is row r of component k: row 0 the logits, then C rows of
    locations, C of log-scales and C (C - 1) / 2 of coefficients.

    Args:
      params: float tensor [B, H, W, P], P = `num_params`.

    Returns:
      `Components`.

    Raises:
      TypeError: if params are not floats.
      ValueError: if the number of parameter maps is not this likelihood's.
    """
    return self._components(self._checked_params(params))

  def _components(self, params):
    count = self.num_mixtures
    rows = self._unpack(params, self._rows, count)
    logits, locations, log_scales, coefficients = tf.split(
      rows, [1, self.channels, self.channels, -1], axis=-2
    )
    centres = (tf.range(count, dtype=tf.float32) + 0.5) / count - 0.5
    return Components(
      logits=tf.squeeze(logits, axis=-2),
      locations=locations + centres,
      log_scales=bounded_log_scale(
        log_scales + math.log(min(0.125, 0.5 / count))
      ),
      coefficients=tf.tanh(coefficients),
    )

  def _log_mass(self, params, images):
    parts = self._components(params)
    pixels = self.to_float(images)[..., tf.newaxis]
    earlier = tf.unstack(pixels, axis=-2)
    locations = tf.stack(
      [_location(parts, c, earlier) for c in range(self.channels)], axis=-2
    )
    log_masses = _log_bin_mass(
      images[..., tf.newaxis], locations, parts.log_scales
    )
    return tf.reduce_logsumexp(
      tf.nn.log_softmax(parts.logits) + tf.reduce_sum(log_masses, axis=-2),
      axis=-1,
    )

  def _mean(self, params):
    parts = self._components(params)
    means = []
    for c in range(self.channels):
      means.append(tf.clip_by_value(_location(parts, c, means), -0.5, 0.5))
    weights = tf.nn.softmax(parts.logits)[..., tf.newaxis, :]
    return self.to_uint8(
      tf.reduce_sum(weights * tf.stack(means, axis=-2), axis=-1)
    )

  def _sample(self, params, seed):
    parts = self._components(params)
    seed_component, seed_value = noise.split(seed)
    gumbel = noise.gumbel(tf.shape(parts.logits), seed_component)
    chosen = tf.argmax(parts.logits + gumbel, axis=-1, output_type=tf.int32)
    # Components of one logistic: the rest of the mixture is no longer needed.
    parts = Components(*(_choose(part, chosen) for part in parts))
    spread = tf.exp(parts.log_scales)
    spread *= noise.logistic(tf.shape(spread), seed_value)
    pixels = []
    for c in range(self.channels):
      # Later channels lean on the pixel, not on the number it was rounded
      # from, as they do in `log_prob`.
      value = _location(parts, c, pixels) + spread[..., c, :]
      pixels.append(self.to_float(self.to_uint8(value)))
    return self.to_uint8(tf.concat(pixels, axis=-1))


def _location(parts, channel, earlier):
  """Locations [B, H, W, K] of a channel, given the earlier channels."""
  first = channel * (channel - 1) // 2
  location = parts.locations[..., channel, :]
  for j in range(channel):
    location += parts.coefficients[..., first + j, :] * earlier[j]
  return location


def _choose(part, chosen):
  """[B, H, W, ..., K] to [B, H, W, ..., 1], the chosen component's."""
  return tf.gather(part, chosen[..., tf.newaxis], axis=-1, batch_dims=3)


def _log_bin_mass(images, locations, log_scales):
  """Nats of each bin under each logistic, [B, H, W, C, K].

  F(b) - F(a) = F(b) F(-a) (1 - exp(a - b)), so that with b - a = w

      log mass = -softplus(-b) - softplus(a) + log(1 - exp(-w)),

  exact at any distance and any scale; a bin at an end keeps one of the first
  two terms, that of its only edge.
  """
  # In grey levels: the edges are then exact, and neighbours agree on them.
  levels = tf.cast(images, tf.float32)
  locations = 255.0 * (locations + 0.5)
  precisions = tf.exp(-log_scales) / 255.0
  black, white = images == 0, images == 255
  below_high = -tf.nn.softplus((locations - (levels + 0.5)) * precisions)
  above_low = -tf.nn.softplus(((levels - 0.5) - locations) * precisions)
  both = tf.math.log(-tf.math.expm1(-precisions))
  interior = below_high + above_low + both
  return tf.where(black, below_high, tf.where(white, above_low, interior))
