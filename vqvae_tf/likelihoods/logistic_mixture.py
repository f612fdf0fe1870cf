"""Mixture of discretized logistics, with channels conditioned on channels."""

import math
from typing import NamedTuple

import tensorflow as tf

from vqvae_tf import noise
from vqvae_tf.likelihoods.likelihood import Likelihood
from vqvae_tf.likelihoods.logistic_bins import log_bin_mass
from vqvae_tf.likelihoods.scales import bounded_log_scale


class Components(NamedTuple):
  """The parts of a mixture of K components over N pixels of C channels.

  Of an image N = H W.

  Attributes:
    logits: float32 [B, K, N], of the component that all channels share.
    locations: C tensors float32 [B, K, N], in the pixel range, before the
      earlier channels move them.
    log_scales: C tensors float32 [B, K, N], of scales in the pixel range.
    coefficients: C (C - 1) / 2 tensors float32 [B, K, N], in (-1, 1), of
      channel j for channel c > j at index c (c - 1) / 2 + j.
  """

  logits: tf.Tensor
  locations: list[tf.Tensor]
  log_scales: list[tf.Tensor]
  coefficients: list[tf.Tensor]


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

  Examples:
    >>> likelihood = vqvae_tf.LogisticMixture(channels=3, num_mixtures=5)
    >>> likelihood.num_params
    50
    >>> params = tf.zeros([2, 8, 8, likelihood.num_params])
    >>> likelihood.log_prob(params, tf.zeros([2, 8, 8, 3], tf.uint8)).shape
    TensorShape([2])
    >>> likelihood.sample(params, seed=[0, 1]).shape
    TensorShape([2, 8, 8, 3])

  References:
    Salimans et al., "PixelCNN++", 2017, section 2.1 and 2.2.
  """

  def __init__(
    self, channels: int, num_mixtures: int = 5, name: str | None = None
  ):
    """Initializes the likelihood.

    Args:
      channels: positive integer C, the channels of an example.
      num_mixtures: positive integer K, the logistics in the mixture.
      name: name of the module.

    Raises:
      ValueError: if there is not at least one channel and one logistic.
    """
    super().__init__(channels, name=name)
    if num_mixtures < 1:
      raise ValueError(f'num_mixtures must be at least 1, got {num_mixtures}')
    self.num_mixtures = num_mixtures
    # Only then is there an earlier channel to lean on.
    self.has_conditioned_channels = channels > 1

  @property
  def num_params(self) -> int:
    """P = K (1 + 2 C + C (C - 1) / 2); 3 K in grey, 10 K in colour."""
    return self.num_mixtures * self._rows

  @property
  def _rows(self):
    return 1 + 2 * self.channels + self.channels * (self.channels - 1) // 2

  def components(self, params: tf.Tensor) -> Components:
    """Takes the decoder's maps apart, in the pixel range.

    Map K r + k is row r of component k: row 0 the logits, then C rows of
    locations, C of log-scales and C (C - 1) / 2 of coefficients.

    Args:
      params: float tensor [B, ..., P], P = `num_params`.

    Returns:
      `Components`.

    Raises:
      TypeError: if params are not floats.
      ValueError: if the number of parameter maps is not this likelihood's.
    """
    return self._components(self._checked_params(params))

  def _components(self, params):
    count = self.num_mixtures
    logits, *rows = _planes(params, self._rows)
    locations, log_scales, coefficients = (
      rows[: self.channels],
      rows[self.channels : 2 * self.channels],
      rows[2 * self.channels :],
    )
    centres = (tf.range(count, dtype=tf.float32) + 0.5) / count - 0.5
    initial_log_scale = math.log(min(0.125, 0.5 / count))
    return Components(
      logits=logits,
      locations=[row + centres[:, tf.newaxis] for row in locations],
      log_scales=[
        bounded_log_scale(row + initial_log_scale) for row in log_scales
      ],
      coefficients=[tf.tanh(row) for row in coefficients],
    )

  def _log_mass(self, params, images):
    parts = self._components(params)
    images = _planes(images, self.channels)
    pixels = [self.to_float(image) for image in images]
    # Of each component and all channels.
    log_masses = parts.logits
    for c in range(self.channels):
      log_masses += log_bin_mass(
        tf.cast(images[c], tf.float32),
        _location(parts, c, pixels),
        parts.log_scales[c],
      )
    return tf.reduce_logsumexp(log_masses, axis=1) - tf.reduce_logsumexp(
      parts.logits, axis=1
    )

  def log_masses(self, params: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Log-masses of all values of each channel: see `Likelihood.log_masses`.

    p(v_c | v_1 .. v_c-1) is the mass of v_1 .. v_c, up to a factor.
    """
    parts = self._components(params)
    planes = _planes(images, self.channels)
    pixels = [self.to_float(plane) for plane in planes]
    levels = tf.reshape(tf.range(256, dtype=tf.float32), [256, 1, 1, 1])
    log_masses, tables = parts.logits, []
    for c in range(self.channels):
      location, scale = _location(parts, c, pixels), parts.log_scales[c]
      every = tf.zeros_like(levels)
      of_levels = log_bin_mass(levels, location + every, scale + every)
      tables.append(tf.reduce_logsumexp(log_masses + of_levels, axis=2))
      here = tf.cast(planes[c], tf.float32)
      log_masses += log_bin_mass(here, location, scale)
    # [C, 256, B, N]
    tables = tf.transpose(tf.stack(tables), [2, 3, 0, 1])
    return tf.reshape(tables, tf.concat([tf.shape(images), [256]], axis=0))

  def _mean(self, params):
    parts = self._components(params)
    means: list[tf.Tensor] = []
    for c in range(self.channels):
      means.append(tf.clip_by_value(_location(parts, c, means), -0.5, 0.5))
    weights = tf.nn.softmax(parts.logits, axis=1)
    means = [tf.reduce_sum(weights * mean, axis=1) for mean in means]
    return self._example(means, params)

  def _sample(self, params, seed):
    parts = self._components(params)
    seed_component, seed_value = noise.split(seed)
    gumbel = noise.gumbel(tf.shape(parts.logits), seed_component)
    chosen = tf.one_hot(
      tf.argmax(parts.logits + gumbel, axis=1), self.num_mixtures, axis=1
    )
    # Components of one logistic: the rest of the mixture is no longer needed.
    parts = tf.nest.map_structure(
      lambda part: tf.reduce_sum(chosen * part, axis=1), parts
    )
    spreads = tf.exp(tf.stack(parts.log_scales))
    spreads *= noise.logistic(tf.shape(spreads), seed_value)
    pixels: list[tf.Tensor] = []
    for c in range(self.channels):
      # Later channels lean on the pixel, not on the number it was rounded
      # from, as they do in `log_prob`.
      value = _location(parts, c, pixels) + spreads[c]
      pixels.append(self.to_float(self.to_uint8(value)))
    return self._example(pixels, params)

  def _example(self, channels, params):
    """Makes uint8 [B, ..., C] of a float [B, N] per channel."""
    shape = tf.concat([tf.shape(params)[:-1], [self.channels]], axis=0)
    return self.to_uint8(tf.reshape(tf.stack(channels, axis=-1), shape))


def _planes(tensor, count):
  """Takes [B, ..., count * K] apart into `count` tensors [B, K, N].

  On a CPU loops over the many pixels of a plane vectorize; loops over the
  few components of a pixel do not. A list rather than one tensor, because XLA
  joins the gradients of many planes by copying, but those of a few larger
  slices by branching at every element.
  """
  batch, *sides, _ = tf.unstack(tf.shape(tensor))
  maps, pixels = tensor.shape[-1], math.prod(sides)
  planes = tf.linalg.matrix_transpose(tf.reshape(tensor, [batch, pixels, maps]))
  return tf.unstack(
    tf.reshape(planes, [batch, count, maps // count, pixels]), axis=1
  )


def _location(parts, channel, earlier):
  """Locations of a channel, given the pixels of the earlier channels."""
  first = channel * (channel - 1) // 2
  location = parts.locations[channel]
  for j in range(channel):
    location += parts.coefficients[first + j] * earlier[j]
  return location
