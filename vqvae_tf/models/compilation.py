"""What XLA compiles in a training step."""

from collections.abc import Callable

import tensorflow as tf

from vqvae_tf import replicas


def compiled(function: Callable) -> Callable:
  """Returns a function as XLA compiles it; in one of several replicas, as is.

  Replicas cannot exchange anything from within a nested `tf.function`.

  Args:
    function: takes and returns tensors.

  Returns:
    A function with the same arguments and results.
  """
  fused = tf.function(function, jit_compile=True, autograph=False)

  def call(*args):
    return (fused if replicas.count() == 1 else function)(*args)

  return call
