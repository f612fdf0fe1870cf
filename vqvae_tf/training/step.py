"""The compiled training step, and every variable that a resumed run needs."""

import contextlib
import math
from typing import Any, NamedTuple, Protocol

import sonnet as snt
import tensorflow as tf

from vqvae_tf import build, configs, replicas
from vqvae_tf.models import compiled
from vqvae_tf.optimizers import averaging
from vqvae_tf.optimizers.loss_scale import LossScale

# Ways to compile a step: XLA what is between convolutions, or the whole step.
COMPILATIONS = ('graph', 'xla')


class Trainable(Protocol):
  """A module that can be trained, with all its variables.

  Attributes:
    statistics: the names of what is averaged of its losses; `loss` is one.
    counted_codebooks: K of each codebook of which codes are counted.
    trainable_variables: what the gradient moves.
    weights: those of them that may be averaged.
    matrices: those of them that are matrices to an optimizer.
  """

  statistics: tuple[str, ...]
  counted_codebooks: tuple[int, ...]
  trainable_variables: tuple[tf.Variable, ...]
  weights: list[tf.Variable]
  matrices: list[tf.Variable]

  def losses(self, batch: Any, is_training: bool) -> NamedTuple:
    """Returns what `statistics` names, and int32 codes `[..., M]`: `codes`."""


class Trainer(snt.Module):
  """A model, its optimizer and the running statistics of training.

  All state lives in variables, so a checkpoint of this object continues a run
  bit for bit. Made in the scope of a `tf.distribute` strategy, and the model
  too, it trains on all devices of that strategy: each takes an equal part of
  a batch, and all take the same step.

  Args:
    model: what is trained.
    config: optimizer, learning rate and its schedule, averaging, batch size,
      precision.

  Attributes:
    compilation: the way to compile a step, 'graph' or 'xla'. Their rounding
      differs: a run that is to be repeated bit for bit keeps to one.
  """

  def __init__(
    self,
    model: Trainable,
    config: configs.OptimizerConfig,
    name: str = 'trainer',
  ):
    super().__init__(name=name)
    self.model = model
    self._config = config
    self._strategy = tf.distribute.get_strategy()
    self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name='step')
    self.optimizer = build.optimizer(config, model)
    self.averaging = (
      averaging.Averaging(config.average_decay, model.weights)
      if config.average_decay
      else None
    )
    self.loss_scale = (
      LossScale() if config.precision == 'mixed_float16' else None
    )
    self._sums = {
      key: tf.Variable(0.0, trainable=False, name=key)
      for key in (*model.statistics, 'steps')
    }
    self.code_counts = [
      tf.Variable(tf.zeros([size], tf.int32), trainable=False, name='counts')
      for size in model.counted_codebooks
    ]
    # The step whose loss was first not finite; -1: none was.
    self.failed_step = tf.Variable(
      -1, dtype=tf.int64, trainable=False, name='failed_step'
    )
    self._update = compiled(self._update_variables)
    self.compilation = 'graph'
    self._step_under_xla = tf.function(
      self._step, jit_compile=True, autograph=False
    )

  @property
  def num_replicas(self) -> int:
    """How many devices take a step together."""
    return self._strategy.num_replicas_in_sync

  def run(self, batches, num_steps) -> None:
    """Takes steps without coming back to Python.

    Args:
      batches: iterator of what `model.losses` takes, a tensor `[B, ...]` or a
        tuple of such: the examples of all replicas of this process.
      num_steps: int32 scalar tensor.
    """
    self._run(batches, num_steps, self.compilation == 'xla')

  @tf.function
  def _run(self, batches, num_steps, is_whole):
    step = self._step_under_xla if is_whole else self._step
    for _ in tf.range(num_steps):
      self._strategy.run(step, args=(next(batches),))

  # Autograph, which `run` needs and this does not, would take 4 seconds for the
  # modules of a model.
  @tf.autograph.experimental.do_not_convert
  def _step(self, batch):
    with tf.GradientTape() as tape:
      losses = self.model.losses(self._part(batch), is_training=True)
      loss = losses.loss * self._scale()
    gradients = tape.gradient(
      loss,
      self.model.trainable_variables,
      unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    self._update(gradients, losses)

  def _part(self, batch):
    """Returns this replica's rows of the batch of all replicas here."""
    if replicas.count() == 1:
      return batch
    rows = self._config.batch_size // replicas.count()

    def part(tensor):
      # Replicas are numbered through all processes, by equal shares.
      first = replicas.index() * rows % tensor.shape[0]
      return tf.ensure_shape(
        tensor[first : first + rows], [rows, *tensor.shape[1:]]
      )

    return tf.nest.map_structure(part, batch)

  def _update_variables(self, gradients, losses):
    scale = self._scale()
    means = _means(
      {
        key: tf.reduce_mean(getattr(losses, key))
        for key in self.model.statistics
      }
    )
    # From here on all replicas see the same and do the same.
    gradients = [gradient / scale for gradient in _means(gradients)]
    is_finite = tf.math.is_finite(means['loss'])
    if self.loss_scale:
      for gradient in gradients:
        is_finite &= tf.reduce_all(tf.math.is_finite(gradient))
      self.loss_scale.update(is_finite)
    parameters = self.model.trainable_variables
    self.optimizer.apply(gradients, parameters, self._rate(), is_finite)
    if self.averaging:
      self.averaging.update(self.model.weights, is_finite)
    self.step.assign_add(1)
    # A lower scale may help the next step, until there is none.
    is_first = (self.failed_step < 0) & ~is_finite & (scale <= 1.0)
    self.failed_step.assign(tf.where(is_first, self.step, self.failed_step))
    for key, value in {**means, 'steps': 1.0}.items():
      self._sums[key].assign_add(tf.where(is_finite, value, 0.0))
    self._count(losses.codes, is_finite)

  def _count(self, codes, is_finite):
    for m, counts in enumerate(self.code_counts):
      flat = tf.reshape(codes[..., m], [-1])
      # Floats, which every device can add to those of another.
      ones = tf.ones_like(flat, tf.float32)
      here = tf.math.unsorted_segment_sum(ones, flat, counts.shape[0])
      total = tf.cast(replicas.total(here), tf.int32)
      counts.assign_add(tf.where(is_finite, total, 0))

  def _scale(self):
    """Returns what the loss is multiplied by: float32 scalar."""
    value = self.loss_scale.value if self.loss_scale else 1.0
    return tf.convert_to_tensor(value)

  def _rate(self):
    """Returns the learning rate of this step: float32 scalar."""
    config = self._config
    rate = tf.constant(config.learning_rate)
    step = tf.cast(self.optimizer.step, tf.float32)
    if config.warmup_steps:
      rate *= tf.minimum((step + 1) / config.warmup_steps, 1.0)
    if config.decay_steps:
      cosine = tf.cos(math.pi * tf.minimum(step / config.decay_steps, 1.0))
      rate *= 0.01 + 0.99 * (1 + cosine) / 2
    return rate

  def averaged(self) -> contextlib.AbstractContextManager:
    """Lets the model have its averaged weights, where they are averaged."""
    if not self.averaging:
      return contextlib.nullcontext()
    return self.averaging.swapped(self.model.weights)

  def take_averages(self) -> dict[str, float]:
    """Returns the means since the last call, and starts anew.

    Returns:
      what the model's `statistics` name: losses per step, nats per example;
      of the steps that were not left out for an overflow, and no numbers if
      all were.
    """
    sums = {key: float(value.numpy()) for key, value in self._sums.items()}
    for value in self._sums.values():
      value.assign(0.0)
    steps = sums.pop('steps') or math.nan
    return {key: value / steps for key, value in sums.items()}

  def take_code_counts(self) -> list:
    """Returns the int32 `[K]` counts since the last call, and starts anew."""
    counts = [value.numpy() for value in self.code_counts]
    for value in self.code_counts:
      value.assign(tf.zeros_like(value))
    return counts


def _means(tensors):
  """Returns the means over all replicas of a structure of tensors."""
  return tf.nest.map_structure(
    lambda tensor: tensor / replicas.count(), replicas.total(tensors)
  )
