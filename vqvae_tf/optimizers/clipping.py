"""Gradients of bounded norm."""

from collections.abc import Sequence

import tensorflow as tf


def clipped(
  gradients: Sequence[tf.Tensor], largest_norm: float
) -> list[tf.Tensor]:
  """Returns gradients whose norm is at most `largest_norm`.

  g = g min(1, largest_norm / |g|),  |g|^2 = the sum of all squares

  The norm is that of all gradients together: their direction stays.

  Args:
    gradients: g, floating, of any shapes. An element that is not finite makes
      the others zero or no numbers.
    largest_norm: above 0.

  References:
    Pascanu et al., On the Difficulty of Training Recurrent Neural Networks,
    2013, algorithm 1 (https://arxiv.org/abs/1211.5063).
  """
  norm = tf.sqrt(tf.add_n([tf.reduce_sum(g * g) for g in gradients]))
  # The quotient is infinite where all gradients are zero.
  factor = tf.minimum(1.0, largest_norm / norm)
  return [factor * gradient for gradient in gradients]
