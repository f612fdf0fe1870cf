"""Bernoulli likelihood of examples with two values, 0 and 255."""

import tensorflow as tf

from vqvae_tf import noise
from vqvae_tf.likelihoods.likelihood import Likelihood


class Bernoulli(Likelihood):
  """A coin per sub-pixel of a binarised uint8 example, in nats.

      P(255) = sigmoid(l), P(0) = sigmoid(-l)

  The mass lies on {0, 255} alone. Any other pixel value is impossible under
  this model and makes `log_prob` of its example -inf (never NaN, compiled or
  not; its gradient is 0): binarise the examples first.

  `mean` is the likelier of the two values (0 in a tie), as the mean of a
  coin is no legal pixel.

  Examples:
    >>> likelihood = vqvae_tf.Bernoulli(channels=1)
    >>> params = tf.zeros([1, 1, 1, likelihood.num_params])
    >>> white = tf.fill([1, 1, 1, 1], np.uint8(255))
    >>> nats = -likelihood.log_prob(params, white)
    >>> round(float(bits.nats_to_bits(nats)[0]), 3)
    1.0
  """

  @property
  def num_params(self) -> int:
    """P = C: one logit l per sub-pixel."""
    return self.channels

  def _log_mass(self, params, images):
    log_mass = -tf.nn.softplus(tf.where(images == 255, -params, params))
    possible = (images == 0) | (images == 255)
    return tf.where(possible, log_mass, float('-inf'))

  def _mean(self, params):
    return tf.where(params > 0, tf.constant(255, tf.uint8), 0)

  def _sample(self, params, seed):
    return self._mean(params + noise.logistic(tf.shape(params), seed))
