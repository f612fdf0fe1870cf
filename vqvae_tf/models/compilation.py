"""What XLA compiles in a training step whose convolutions are oneDNN's."""

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


def compiled_rows(function: Callable[..., tf.Tensor]) -> Callable:
  """Returns a function of rows, compiled in one with its gradient.

  Compiled apart, the gradient would have to be told what it needs of the way
  to the values: of a likelihood a dozen arrays of the size of a batch, written
  to memory and read again. Compiled with the values it reads the inputs alone.
  In one of several replicas nothing is compiled, as in `compiled`.

  Args:
    function: takes floating inputs `[B, ...]`, and tensors without gradient,
      to `[B]`, each element of which depends on its own row of the inputs; it
      reads no trainable variable.

  Returns:
    A function with the same arguments, results and gradient (but no gradient
    of the gradient).
  """

  def with_gradient(inputs, *others):
    with tf.GradientTape() as tape:
      tape.watch(inputs)
      values = function(inputs, *others)
    # Of the sum, which is that of each row by itself.
    return values, tape.gradient(values, inputs)

  fused = tf.function(with_gradient, jit_compile=True, autograph=False)

  @tf.custom_gradient
  def fused_rows(inputs, *others):
    # An outer tape would ask for the gradient of the gradient.
    values, gradient = fused(tf.stop_gradient(inputs), *others)

    def backward(upstream):
      rows = tf.reshape(upstream, [-1] + [1] * (gradient.shape.rank - 1))
      return [rows * gradient, *[None] * len(others)]

    return values, backward

  def call(*args):
    return (fused_rows if replicas.count() == 1 else function)(*args)

  return call
