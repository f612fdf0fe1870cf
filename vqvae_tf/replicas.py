"""What the replicas of a model must agree on: sums and rows of all of them.

Outside a replica of a `tf.distribute` strategy, and with one replica, each
function returns what it was given. None may be called in a branch or a loop of
a replica's function: TensorFlow cannot synchronize there.
"""

import tensorflow as tf


def count() -> int:
  """Returns the number of replicas that take this step together."""
  context = tf.distribute.get_replica_context()
  return context.num_replicas_in_sync if context else 1


def total(tensors):
  """Returns the sums over all replicas of a structure of tensors."""
  if count() == 1:
    return tensors
  return tf.distribute.get_replica_context().all_reduce(
    tf.distribute.ReduceOp.SUM, tensors
  )


def rows(tensor: tf.Tensor) -> tf.Tensor:
  """Returns the rows `[n, ...]` of all replicas, in their order: `[N, ...]`."""
  if count() == 1:
    return tensor
  return tf.distribute.get_replica_context().all_gather(tensor, axis=0)


def index() -> tf.Tensor | int:
  """Returns which of the replicas this is: int32 scalar from 0 on."""
  context = tf.distribute.get_replica_context()
  return context.replica_id_in_sync_group if count() > 1 else 0
