"""Seeded noise for drawing pixels."""

from collections.abc import Sequence

import tensorflow as tf

# Named, because the automatic choice differs between devices. XLA still lays
# out the numbers of one seed in another order.
ALGORITHM = 'philox'


def split(seed: tf.Tensor) -> list[tf.Tensor]:
  """Makes two independent seeds of one.

  Args:
    seed: int32 tensor [2].

  Returns:
    Two int32 tensors [2].
  """
  return tf.unstack(tf.random.split(seed, num=2, alg=ALGORITHM))


def normal(shape: tf.Tensor | Sequence[int], seed: tf.Tensor) -> tf.Tensor:
  """Standard normal noise, float32 of the given shape; seed int32 [2]."""
  return tf.random.stateless_normal(shape, seed, alg=ALGORITHM)


def logistic(shape: tf.Tensor | Sequence[int], seed: tf.Tensor) -> tf.Tensor:
  """Standard logistic noise, log(u) - log(1 - u).

  Args:
    shape: int32 tensor or tuple.
    seed: int32 tensor [2].

  Returns:
    float32 tensor of the shape.
  """
  uniform = _open_uniform(shape, seed)
  return tf.math.log(uniform) - tf.math.log1p(-uniform)


def gumbel(shape: tf.Tensor | Sequence[int], seed: tf.Tensor) -> tf.Tensor:
  """Standard Gumbel noise, -log(-log(u)).

  argmax_k (logit_k + noise_k) is a draw from softmax(logits).

  Args:
    shape: int32 tensor or tuple.
    seed: int32 tensor [2].

  Returns:
    float32 tensor of the shape.
  """
  return -tf.math.log(-tf.math.log(_open_uniform(shape, seed)))


def _open_uniform(shape, seed):
  # TensorFlow draws multiples of 2^-23 in [0, 1); half a step more keeps
  # them exact and away from both 0 and 1, where the logarithms are infinite.
  return tf.random.stateless_uniform(shape, seed, alg=ALGORITHM) + 2.0**-24
