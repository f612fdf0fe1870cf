"""What the parts of a batch add up to."""

import tensorflow as tf


class Accumulation:
  """Sums of tensors over the parts of a batch, each replica's its own.

  It is no `tf.Module`: it holds zeros between two steps, and no checkpoint
  needs these.

  Args:
    like: a structure of tensors, of whose shapes and dtypes the sums are.
  """

  def __init__(self, like):
    self._sums = tf.nest.map_structure(
      lambda tensor: tf.Variable(tf.zeros_like(tensor), trainable=False), like
    )

  def add(self, tensors) -> None:
    """Adds a structure of tensors to the sums."""
    tf.nest.map_structure(
      lambda total, tensor: total.assign_add(tensor), self._sums, tensors
    )

  def take(self):
    """Returns the sums, and starts anew from zero."""
    sums = tf.nest.map_structure(tf.identity, self._sums)
    for variable in tf.nest.flatten(self._sums):
      variable.assign(tf.zeros_like(variable))
    return sums
