"""How the learning rate rises and falls."""

import math

import tensorflow as tf

# What is left of the rate after `decay_steps`.
_LAST = 0.01


def scheduled(
  rate: float, step: tf.Tensor, warmup_steps: int, decay_steps: int, kind: str
) -> tf.Tensor:
  """Returns the learning rate of a step.

  rate min((t + 1) / w, 1), for the warmup, times, with u = t / d,

  cosine       0.01 + 0.99 (1 + cos(pi min(u, 1))) / 2
  exponential  0.01^u, which goes on falling after d steps

  Args:
    rate: what it rises to, and falls from.
    step: t, integer scalar from 0 on.
    warmup_steps: w; 0: there is no warmup.
    decay_steps: d; 0: the rate does not fall.
    kind: 'cosine' or 'exponential'.

  Returns:
    float32 scalar.
  """
  rate, step = tf.constant(rate, tf.float32), tf.cast(step, tf.float32)
  if warmup_steps:
    rate *= tf.minimum((step + 1) / warmup_steps, 1.0)
  if decay_steps and kind == 'cosine':
    cosine = tf.cos(math.pi * tf.minimum(step / decay_steps, 1.0))
    rate *= _LAST + (1 - _LAST) * (1 + cosine) / 2
  elif decay_steps:
    rate *= tf.pow(_LAST, step / decay_steps)
  return rate
