"""Dropout that a resumed run repeats."""

import itertools
from collections.abc import Callable

import sonnet as snt
import tensorflow as tf

Drop = Callable[[tf.Tensor], tf.Tensor]


def kept(tensor: tf.Tensor) -> tf.Tensor:
  """Returns all of a tensor: the dropout of what is not trained."""
  return tensor


@snt.allow_empty_variables
class Dropout(snt.Module):
  """Sets values to zero at random, and scales up the others.

  y = x b / (1 - rate), b = 0 with probability `rate`, else 1

  The numbers depend on the seed, on how many passes were trained, which a
  variable counts, and on the place of a tensor in its pass: a run that is
  resumed draws what it would have drawn. Replicas draw different numbers.

  Args:
    rate: share of the values that are dropped, in [0, 1).
    seed: of the numbers.

  Raises:
    ValueError: if the rate is not in [0, 1).

  References:
    Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting, 2014.
  """

  def __init__(self, rate: float, seed: int = 0, name: str = 'dropout'):
    super().__init__(name=name)
    if not 0 <= rate < 1:
      raise ValueError(f'dropout must be in [0, 1), not {rate}.')
    self.rate = rate
    self.seed = seed
    if rate:
      self._steps = tf.Variable(
        0, dtype=tf.int64, trainable=False, name='dropout_steps'
      )

  def start(self, is_training: bool) -> Drop:
    """Starts a pass; returns what drops values of each tensor it is given."""
    if not (is_training and self.rate):
      return kept
    seed = tf.stack([self.seed, self._steps.assign_add(1)])
    context = tf.distribute.get_replica_context()
    if context and context.num_replicas_in_sync > 1:
      seed = _seed(seed, context.replica_id_in_sync_group)
    places = itertools.count()

    def drop(tensor):
      return tf.nn.experimental.stateless_dropout(
        tensor, self.rate, _seed(seed, next(places)), rng_alg='philox'
      )

    return drop


def _seed(seed, number):
  return tf.random.fold_in(seed, number, alg='philox')
