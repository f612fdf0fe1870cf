"""Polyak averaging: what is evaluated and exported is the weights' average."""

import contextlib
from collections.abc import Iterator, Sequence

import sonnet as snt
import tensorflow as tf


class Averaging(snt.Module):
  """Exponential moving averages of weights, which start at their values.

  average = d_t average + (1 - d_t) x,  d_t = min(decay, (1 + t) / (10 + t))

  after step t = 0, 1, ... that is taken. A constant d would keep d^t of the
  first weights, which are random; of this average they soon have no part.
  Replicas whose weights are the same stay the same.

  Args:
    decay: the largest d, in [0, 1).
    parameters: x, the variables to be averaged.

  References:
    Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging,
    1992; the rise of d is that of `tf.train.ExponentialMovingAverage`.
  """

  def __init__(
    self,
    decay: float,
    parameters: Sequence[tf.Variable],
    name: str = 'averaging',
  ):
    super().__init__(name=name)
    self._decay = decay
    self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name='t')
    self.averages = [
      tf.Variable(tf.identity(parameter), trainable=False, name='average')
      for parameter in parameters
    ]

  def update(
    self, parameters: Sequence[tf.Variable], where: tf.Tensor | bool = True
  ) -> None:
    """Takes the weights into the averages, or leaves everything as it is.

    Args:
      parameters: x, the variables that the constructor was given.
      where: bool scalar, whether a step was taken.
    """
    t = tf.cast(self.step, tf.float32)
    rate = 1 - tf.minimum(self._decay, (1 + t) / (10 + t))
    # Values are chosen, for a branch could not stand in every replica.
    for x, average in zip(parameters, self.averages, strict=True):
      # Written as a difference, it leaves an average of equal weights alone.
      update = tf.cast(rate, x.dtype) * (x - average)
      average.assign_add(tf.where(where, update, tf.zeros_like(update)))
    self.step.assign_add(tf.cast(where, tf.int64))

  def assign_to(self, parameters: Sequence[tf.Variable]) -> None:
    """Gives the variables that the constructor was given their averages."""
    for x, average in zip(parameters, self.averages, strict=True):
      x.assign(average)

  @contextlib.contextmanager
  def swapped(self, parameters: Sequence[tf.Variable]) -> Iterator[None]:
    """Lets the variables hold their averages, and then the weights again."""
    weights = [tf.identity(x) for x in parameters]
    try:
      self.assign_to(parameters)
      yield
    finally:
      for x, weight in zip(parameters, weights, strict=True):
        x.assign(weight)
