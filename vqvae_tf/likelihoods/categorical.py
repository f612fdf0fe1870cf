"""Categorical likelihood: a free probability for each of 256 values."""

import math

import tensorflow as tf

from vqvae_tf import noise
from vqvae_tf.likelihoods.likelihood import Likelihood

LEVELS = 256
# Of waves over the pixel's value: 4, 16 and 64 grey levels long.
_FREQUENCIES = (64, 16, 4)


class Categorical(Likelihood):
  """A 256-way softmax per sub-pixel, in nats; it knows no order of values.

      P(x_c = v) = exp(l_cv) / sum_u exp(l_cu)

  Map 256 c + v is the logit l_cv. Zero parameters are the uniform mass,
  exactly 8 bits/dim. `mean` is the rounded mean of the mass.

  Examples:
    >>> likelihood = vqvae_tf.Categorical(channels=3)
    >>> params = tf.zeros([1, 2, 2, likelihood.num_params])
    >>> nats = -likelihood.log_prob(params, tf.zeros([1, 2, 2, 3], tf.uint8))
    >>> round(float(bits.bits_per_dim(nats, 2 * 2 * 3)[0]), 3)
    8.0

  References:
    van den Oord et al., "Pixel Recurrent Neural Networks", 2016, section 3.
  """

  @property
  def num_params(self) -> int:
    """P = 256 C: a logit per sub-pixel and value."""
    return LEVELS * self.channels

  @property
  def num_features(self) -> int:
    """F = 7 C: the value and three waves over the values."""
    return self.channels * (1 + 2 * len(_FREQUENCIES))

  def features(self, images: tf.Tensor) -> tf.Tensor:
    """What a causal network should read of the earlier pixels.

    2 to_float(x), cos(2 pi f x / 256) and sin(2 pi f x / 256), f = 64, 16, 4

    Neighbouring values look nearly the same in [-1, 1]. The waves tell them
    apart, so that a network can learn which single values follow each other.

    Args:
      images: uint8 tensor [..., C].

    Returns:
      float32 tensor [..., F], F = `num_features`.
    """
    angles = 2 * math.pi / LEVELS * tf.cast(images, tf.float32)
    waves = [
      wave(frequency * angles)
      for frequency in _FREQUENCIES
      for wave in (tf.cos, tf.sin)
    ]
    return tf.concat([super().features(images), *waves], axis=-1)

  def _log_mass(self, params, images):
    return -tf.nn.sparse_softmax_cross_entropy_with_logits(
      labels=tf.cast(images, tf.int32), logits=self._logits(params)
    )

  def _mean(self, params):
    masses = _softmax(self._logits(params))
    levels = tf.range(LEVELS, dtype=tf.float32)
    return tf.cast(tf.round(tf.linalg.matvec(masses, levels)), tf.uint8)

  def _sample(self, params, seed):
    logits = self._logits(params)
    logits += noise.gumbel(tf.shape(logits), seed)
    return tf.cast(tf.argmax(logits, axis=-1, output_type=tf.int32), tf.uint8)

  def _logits(self, params):
    return self._unpack(params, self.channels, LEVELS)


def _softmax(logits):
  # TensorFlow's takes five axes at most on a CPU: those of images.
  if logits.shape.rank <= 5:
    return tf.nn.softmax(logits)
  masses = tf.nn.softmax(tf.reshape(logits, [-1, LEVELS]))
  return tf.reshape(masses, tf.shape(logits))
