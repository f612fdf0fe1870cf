"""Many rows, a few of them at a time, and the sums of their masses."""

import math
from collections.abc import Callable

import tensorflow as tf

# Rows of a block: 4,096 logits for each stay in the caches.
_SIZE = 256


def by_blocks(function: Callable, *parts: tf.Tensor) -> tf.Tensor:
  """Applies a function to blocks of rows, one after the other.

  Args:
    function: takes a block of each part to float32 `[rows]`; no row may
      depend on another.
    *parts: tensors `[n, ...]`, n known.

  Returns:
    float32 `[n]`.
  """
  count = parts[0].shape[0]
  size = min(_SIZE, count)
  number = -(-count // size)
  blocks = [_padded(part, number, size) for part in parts]

  def add(i, found):
    of_block = function(*(part[i] for part in blocks))
    return i + 1, tf.tensor_scatter_nd_update(found, [[i]], [of_block])

  start = tf.constant(0), tf.zeros([number, size])
  _, found = tf.while_loop(lambda i, _: i < number, add, start)
  return tf.reshape(found, [-1])[:count]


def log_sum_exp(logits: tf.Tensor) -> tf.Tensor:
  """Returns log sum_k exp(logits_k), `[...]`, of logits `[..., K]`."""
  return tf.reduce_logsumexp(logits, -1)


def quick_log_sum_exp(logits: tf.Tensor) -> tf.Tensor:
  """Returns log sum_k exp(logits_k), `[...]`; infinity where it is far from 0.

  It does not look for the largest logit, for which XLA takes as long on a CPU
  as for the rest.

  Args:
    logits: float32 `[..., K]`.
  """
  total = tf.reduce_sum(tf.exp(logits), -1)
  is_fine = (total > 1e-30) & (total < 1e30)
  return tf.where(is_fine, tf.math.log(total), math.inf)


def _padded(part, number, size):
  """Takes [n, ...] to [number, size, ...]."""
  count, *shape = part.shape
  none = [[0, 0]] * len(shape)
  part = tf.pad(part, [[0, number * size - count], *none])
  return tf.reshape(part, [number, size, *shape])
