"""Seeded noise for drawing, the same with and without XLA.

XLA makes other floats of the same random bits than TensorFlow does. So bits are
all that is drawn here, and the floats are made of them as TensorFlow makes them
without XLA.
"""

import math
from collections.abc import Sequence

import tensorflow as tf

# Named, because the automatic choice differs between devices.
ALGORITHM = 'philox'


def split(seed: tf.Tensor) -> list[tf.Tensor]:
  """Makes two independent seeds of one.

  Args:
    seed: int32 tensor [2].

  Returns:
    Two int32 tensors [2].
  """
  return tf.unstack(tf.random.split(seed, num=2, alg=ALGORITHM))


def uniform(shape: tf.Tensor | Sequence[int], seed: tf.Tensor) -> tf.Tensor:
  """Uniform noise: multiples of 2^-23 in [0, 1).

  Args:
    shape: int32 tensor or tuple.
    seed: int32 tensor [2].

  Returns:
    float32 tensor of the shape.
  """
  bits = tf.random.stateless_uniform(
    shape, seed, minval=None, maxval=None, dtype=tf.int32, alg=ALGORITHM
  )
  return tf.cast(bits & (2**23 - 1), tf.float32) * 2.0**-23


def normal(shape: tf.Tensor | Sequence[int], seed: tf.Tensor) -> tf.Tensor:
  """Standard normal noise, by the transform of Box and Muller.

      r sin(2 pi v), r cos(2 pi v),  r = sqrt(-2 log u)

  Args:
    shape: int32 tensor or tuple.
    seed: int32 tensor [2].

  Returns:
    float32 tensor of the shape.
  """
  shape = tf.convert_to_tensor(shape, tf.int32)
  count = tf.reduce_prod(shape)
  pairs = uniform(tf.stack([(count + 1) // 2, 2]), seed)
  radius = tf.sqrt(-2.0 * tf.math.log(tf.maximum(pairs[:, :1], 1e-7)))
  angle = 2.0 * math.pi * pairs[:, 1:]
  both = radius * tf.concat([tf.sin(angle), tf.cos(angle)], 1)
  return tf.reshape(tf.reshape(both, [-1])[:count], shape)


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
  # Half a step more keeps them exact and away from both 0 and 1, where the
  # logarithms are infinite.
  return uniform(shape, seed) + 2.0**-24
