"""Categorical likelihood: a free probability for each of 256 values."""

import tensorflow as tf

from vqvae_tf.likelihoods import noise
from vqvae_tf.likelihoods.likelihood import Likelihood

LEVELS = 256


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
  def num_params(self):
    """P = 256 C: a logit per sub-pixel and value."""
    return LEVELS * self.channels

  def _log_mass(self, params, images):
    return -tf.nn.sparse_softmax_cross_entropy_with_logits(
      labels=tf.cast(images, tf.int32), logits=self._logits(params)
    )

  def _mean(self, params):
    masses = tf.nn.softmax(self._logits(params))
    levels = tf.range(LEVELS, dtype=tf.float32)
    return tf.cast(tf.round(tf.linalg.matvec(masses, levels)), tf.uint8)

  def _sample(self, params, seed):
    logits = self._logits(params)
    logits += noise.gumbel(tf.shape(logits), seed)
    return tf.cast(tf.argmax(logits, axis=-1, output_type=tf.int32), tf.uint8)

  def _logits(self, params):
    return self._unpack(params, self.channels, LEVELS)
