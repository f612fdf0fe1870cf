"""Training in 16 bits: which dtype, and the loss scale of float16.

References:
  Micikevicius et al., Mixed Precision Training, 2018.
"""

import sonnet as snt
import tensorflow as tf

# The dtype in which the convolutions of a training step compute.
COMPUTE_DTYPES = {
  'float32': tf.float32,
  'mixed_bfloat16': tf.bfloat16,
  'mixed_float16': tf.float16,
}

_FIRST_SCALE = 2.0**15
_STEPS_UNTIL_GROWTH = 2_000


class LossScale(snt.Module):
  """The factor that keeps small gradients above zero in float16.

  The loss is multiplied by it and the gradients are divided by it. It doubles
  after 2,000 steps without an overflow; an overflow halves it.

  Attributes:
    value: float32 scalar, a power of two: the division is exact.
    good_steps: int32 scalar, steps since the last change.
  """

  def __init__(self, name: str = 'loss_scale'):
    super().__init__(name=name)
    self.value = tf.Variable(_FIRST_SCALE, trainable=False, name='value')
    self.good_steps = tf.Variable(0, trainable=False, name='good_steps')

  def update(self, is_finite: tf.Tensor) -> None:
    """Takes note of whether a step's gradients were finite: bool scalar."""
    good_steps = tf.where(is_finite, self.good_steps + 1, 0)
    grows = good_steps == _STEPS_UNTIL_GROWTH
    factor = tf.where(is_finite, tf.where(grows, 2.0, 1.0), 0.5)
    self.value.assign(self.value * factor)
    self.good_steps.assign(tf.where(grows, 0, good_steps))
