"""The compiled training step, and every variable that a resumed run needs."""

import math

import sonnet as snt
import tensorflow as tf

from vqvae_tf import configs
from vqvae_tf.models import VQVAE


class Trainer(snt.Module):
  """A model, its optimizer and the running statistics of training.

  All state lives in variables, so a checkpoint of this object continues a run
  bit for bit.

  Args:
    model: what is trained; anything with `losses(batch, is_training)`.
    config: learning rate and its schedule.
    image_shape: (H, W, C) of the batches.
  """

  def __init__(
    self,
    model: VQVAE,
    config: configs.OptimizerConfig,
    image_shape: tuple[int, int, int],
    name: str = 'trainer',
  ):
    super().__init__(name=name)
    self.model = model
    self._config = config
    self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name='step')
    rate = tf.Variable(config.learning_rate, trainable=False, name='rate')
    self.optimizer = snt.optimizers.Adam(rate)
    self._sums = {
      key: tf.Variable(0.0, trainable=False, name=key)
      for key in ('loss', 'nats', 'quantizer_loss', 'steps')
    }
    self.code_counts = [
      tf.Variable(tf.zeros([size], tf.int32), trainable=False, name='counts')
      for size in model.quantizer.codebook_sizes
    ]
    # The step whose loss was first not finite; -1: none was.
    self.failed_step = tf.Variable(
      -1, dtype=tf.int64, trainable=False, name='failed_step'
    )
    self._build([config.batch_size, *image_shape])

  def _build(self, batch_shape):
    """Creates all variables, so that a checkpoint finds them."""
    batch = tf.TensorSpec(batch_shape, tf.uint8)
    # Tracing alone creates the variables of modules and optimizer; nothing is
    # compiled or run yet.
    self._step.get_concrete_function(batch)

  @tf.function
  def run(self, batches, num_steps) -> None:
    """Takes steps without coming back to Python.

    Args:
      batches: iterator of (uint8 `[B, H, W, C]`, labels).
      num_steps: int32 scalar tensor.
    """
    for _ in tf.range(num_steps):
      batch, _ = next(batches)
      self._step(batch)

  # Autograph, which `run` needs and this does not, would take 4 seconds for the
  # modules of a model.
  @tf.function(autograph=False)
  def _step(self, batch):
    with tf.GradientTape() as tape:
      losses = self.model.losses(batch, is_training=True)
    gradients = tape.gradient(losses.loss, self.model.trainable_variables)
    self._update(gradients, losses)

  @tf.function(jit_compile=True, autograph=False)
  def _update(self, gradients, losses):
    self.optimizer.learning_rate.assign(self._learning_rate())
    self.optimizer.apply(gradients, self.model.trainable_variables)
    self.step.assign_add(1)
    self._add_statistics(losses)

  def _add_statistics(self, losses):
    for key, value in (
      ('loss', losses.loss),
      ('nats', tf.reduce_mean(losses.nats)),
      ('quantizer_loss', losses.quantizer_loss),
      ('steps', 1.0),
    ):
      self._sums[key].assign_add(value)
    for m, counts in enumerate(self.code_counts):
      codes = tf.reshape(losses.codes[..., m], [-1])
      ones = tf.ones_like(codes)
      counts.assign_add(
        tf.math.unsorted_segment_sum(ones, codes, counts.shape[0])
      )
    is_first = (self.failed_step < 0) & ~tf.math.is_finite(losses.loss)
    self.failed_step.assign(tf.where(is_first, self.step, self.failed_step))

  def _learning_rate(self):
    config = self._config
    rate = tf.constant(config.learning_rate)
    if not config.decay_steps:
      return rate
    done = tf.cast(self.step, tf.float32) / config.decay_steps
    cosine = tf.cos(math.pi * tf.minimum(done, 1.0))
    return rate * (0.01 + 0.99 * (1 + cosine) / 2)

  def take_averages(self) -> dict[str, float]:
    """Returns the means since the last call, and starts anew.

    Returns:
      loss and quantizer_loss per step, nats per example.
    """
    sums = {key: float(value) for key, value in self._sums.items()}
    for value in self._sums.values():
      value.assign(0.0)
    steps = max(sums.pop('steps'), 1.0)
    return {key: value / steps for key, value in sums.items()}

  def take_code_counts(self) -> list:
    """Returns the int32 `[K]` counts since the last call, and starts anew."""
    counts = [value.numpy() for value in self.code_counts]
    for value in self.code_counts:
      value.assign(tf.zeros_like(value))
    return counts
