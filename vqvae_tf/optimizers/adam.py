"""Adam, in replicas of any strategy and with steps that can be left out."""

from collections.abc import Sequence

import sonnet as snt
import tensorflow as tf

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8


class Adam(snt.Module):
  """Adaptive moment estimation.

  m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2
  x = x - rate * m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon)

  with b1 = 0.9, b2 = 0.999, epsilon = 1e-8. The numbers and the names of the
  variables are those of `snt.optimizers.Adam`, which refuses to work in
  replicas. Replicas that give the same gradients stay the same.

  Args:
    parameters: x, the variables that `apply` will move.

  References:
    Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015,
    algorithm 1 (https://arxiv.org/abs/1412.6980).
  """

  def __init__(self, parameters: Sequence[tf.Variable], name: str = 'adam'):
    super().__init__(name=name)
    self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name='t')
    self.m, self.v = (
      [
        tf.Variable(tf.zeros_like(parameter), trainable=False, name=name)
        for parameter in parameters
      ]
      for name in ('m', 'v')
    )

  def apply(
    self,
    gradients: Sequence[tf.Tensor],
    parameters: Sequence[tf.Variable],
    rate: tf.Tensor,
    where: tf.Tensor | bool = True,
  ) -> None:
    """Takes a step, or leaves everything as it is.

    Args:
      gradients: g, of each parameter, in its shape and dtype.
      parameters: x, the variables that the constructor was given.
      rate: float scalar, the learning rate.
      where: bool scalar, whether the step is taken. Where it is not, the
        gradients may be infinite or no numbers.
    """
    # Values are chosen, for a branch could not stand in every replica.
    step = self.step.assign_add(tf.cast(where, tf.int64))
    for g, x, m, v in zip(gradients, parameters, self.m, self.v, strict=True):
      update, new_m, new_v = adam_update(g, m, v, step, rate)
      x.assign_sub(tf.where(where, update, tf.zeros_like(update)))
      m.assign(tf.where(where, new_m, m))
      v.assign(tf.where(where, new_v, v))


def adam_update(
  g: tf.Tensor, m: tf.Tensor, v: tf.Tensor, t: tf.Tensor, rate: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
  """Computes one step of Adam: the loop of algorithm 1, for one parameter.

  m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2
  update = rate * m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon)

  Args:
    g: gradient, floating, of any shape.
    m: first moment so far, of that shape and dtype.
    v: second moment so far, likewise.
    t: integer scalar, the number of this step, from 1 on.
    rate: float scalar, the learning rate.

  Returns:
    What is subtracted from the parameter, and the new m and v.
  """
  t, beta_1, beta_2 = (tf.cast(x, g.dtype) for x in (t, _BETA_1, _BETA_2))
  m = beta_1 * m + (1 - beta_1) * g
  v = beta_2 * v + (1 - beta_2) * g * g
  m_hat = m / (1 - tf.pow(beta_1, t))
  v_hat = v / (1 - tf.pow(beta_2, t))
  return rate * m_hat / (tf.sqrt(v_hat) + _EPSILON), m, v
