"""Nucleus sampling: only the likeliest codes are drawn."""

import tensorflow as tf

_ROUNDS = 30
_DROPPED = -1e9


def keep(logits: tf.Tensor, top_p: tf.Tensor) -> tf.Tensor:
  """Returns logits of which the unlikely codes have no mass.

  Kept are the likeliest codes: as few as have a mass of at least `top_p`, with
  those whose probability is within 1e-9 of the last of them.

  Args:
    logits: float `[B, K]`.
    top_p: float scalar, above 0; 1 and more keep all, and cost nothing.

  Returns:
    float `[B, K]`.

  References:
    Holtzman et al., The Curious Case of Neural Text Degeneration, 2019, section
    3.1 (https://arxiv.org/abs/1904.09751).
  """
  return tf.cond(top_p < 1.0, lambda: _nucleus(logits, top_p), lambda: logits)


def _nucleus(logits, top_p):
  # Halving the range of the least probability takes less work than sorting,
  # which XLA does badly.
  masses = tf.nn.softmax(logits)

  def halve(low, high):
    middle = (low + high) / 2
    kept = tf.where(masses >= middle, masses, 0.0)
    is_enough = tf.reduce_sum(kept, -1, keepdims=True) >= top_p
    return tf.where(is_enough, middle, low), tf.where(is_enough, high, middle)

  # From the largest on at most: it is always kept.
  high = tf.reduce_max(masses, -1, keepdims=True)
  low, _ = tf.while_loop(
    lambda *_: True,
    halve,
    (tf.zeros_like(high), high),
    maximum_iterations=_ROUNDS,
  )
  return tf.where(masses >= low, logits, _DROPPED)
