"""Draws of codes by their masses."""

import tensorflow as tf

from vqvae_tf import noise

_ROUNDS = 30


def draw(masses: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
  """Draws a code for each row.

  max {k: sum_{j < k} p_j <= u sum_j p_j},  u uniform in [0, 1)

  One number for each row: a Gumbel noise for each code would cost more than a
  network's step. A code without mass is never drawn.

  Args:
    masses: float `[B, K]`, p up to a factor for each row.
    seed: int32 `[2]`.

  Returns:
    int32 `[B]`.
  """
  batch, count = tf.shape(masses)[0], masses.shape[-1]
  codes = tf.range(count)

  def below(code):
    return _sum(tf.where(codes < code, masses, 0.0))

  target = noise.uniform([batch, 1], seed) * _sum(masses)
  # Bit by bit. These sums all add in one order, so they never fall, and a code
  # without mass adds nothing to them, as it could in a cumulative sum.
  drawn = tf.zeros([batch, 1], tf.int32)
  for bit in reversed(range((count - 1).bit_length())):
    further = drawn + 2**bit
    drawn = tf.where(below(further) <= target, further, drawn)
  # The sum of all may be rounded differently, and the target too high.
  last = tf.reduce_max(tf.where(masses > 0, codes, 0), -1, keepdims=True)
  return tf.minimum(drawn, last)[:, 0]


def nucleus(masses: tf.Tensor, top_p: tf.Tensor) -> tf.Tensor:
  """Returns masses of which the unlikely codes have none.

  Kept are the likeliest codes: as few as have a mass of at least `top_p`, and
  those whose mass is within 1e-9 of the last of them.

  Args:
    masses: float `[B, K]`, of sum 1.
    top_p: float scalar, above 0; 1 and more keep all, and cost nothing.

  Returns:
    float `[B, K]`, of smaller sums.

  References:
    Holtzman et al., The Curious Case of Neural Text Degeneration, 2019, section
    3.1 (https://arxiv.org/abs/1904.09751).
  """
  return tf.cond(top_p < 1.0, lambda: _nucleus(masses, top_p), lambda: masses)


def _nucleus(masses, top_p):
  # Halving the range of the least mass takes less work than sorting, which XLA
  # does badly.
  def halve(low, high):
    middle = (low + high) / 2
    is_enough = _sum(tf.where(masses >= middle, masses, 0.0)) >= top_p
    return tf.where(is_enough, middle, low), tf.where(is_enough, high, middle)

  # From the largest on at most: it is always kept.
  high = tf.reduce_max(masses, -1, keepdims=True)
  low, _ = tf.while_loop(
    lambda *_: True,
    halve,
    (tf.zeros_like(high), high),
    maximum_iterations=_ROUNDS,
  )
  return tf.where(masses >= low, masses, 0.0)


def _sum(masses):
  return tf.reduce_sum(masses, -1, keepdims=True)
