"""The compiled training step, and every variable that a resumed run needs."""

import contextlib
import math
from typing import Any, NamedTuple, Protocol

import sonnet as snt
import tensorflow as tf

from vqvae_tf import build, configs, replicas
from vqvae_tf.models import compiled
from vqvae_tf.optimizers import averaging
from vqvae_tf.optimizers.clipping import clipped
from vqvae_tf.optimizers.loss_scale import LossScale
from vqvae_tf.optimizers.schedule import scheduled
from vqvae_tf.training.accumulation import Accumulation

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


class _Found(NamedTuple):
  """What one replica found of its rows.

  Attributes:
    gradients: of each trainable variable, times the loss scale.
    means: float32 scalars, of the model's statistics by name.
    counts: float32 `[K]` of each counted codebook: how often it has each code.
  """

  gradients: list[tf.Tensor]
  means: dict[str, tf.Tensor]
  counts: list[tf.Tensor]


class Trainer(snt.Module):
  """A model, its optimizer and the running statistics of training.

  All state lives in variables, so a checkpoint of this object continues a run
  bit for bit. Made in the scope of a `tf.distribute` strategy, and the model
  too, it trains on all devices of that strategy: each takes an equal part of
  a batch, and all take the same step. Of `accumulation_steps` equal parts of
  a batch one is in memory at a time.

  Args:
    model: what is trained.
    config: optimizer, learning rate and its schedule, clipping, averaging,
      batch size and its parts, precision.

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
    self._step_under_xla = _under_xla(self._step)
    self._num_parts = config.accumulation_steps
    if self._num_parts > 1:
      self._accumulation = Accumulation(_nothing(model))
      self._add = compiled(self._add_to_sums)
      self._finish = compiled(self._update_by_sums)
      self._part_under_xla = _under_xla(self._take_part)
      self._finish_under_xla = _under_xla(self._update_by_sums)

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
    is_whole = self.compilation == 'xla'
    if self._num_parts == 1:
      self._run(batches, num_steps, is_whole)
    else:
      self._run_in_parts(batches, num_steps, is_whole)

  @tf.function
  def _run(self, batches, num_steps, is_whole):
    step = self._step_under_xla if is_whole else self._step
    for _ in tf.range(num_steps):
      self._strategy.run(step, args=(next(batches),))

  @tf.function
  def _run_in_parts(self, batches, num_steps, is_whole):
    take_part = self._part_under_xla if is_whole else self._take_part
    finish = self._finish_under_xla if is_whole else self._finish
    for _ in tf.range(num_steps):
      batch = next(batches)
      # The loop is outside of the replicas, which exchange nothing in one.
      for part in tf.range(self._num_parts):
        self._strategy.run(take_part, args=(batch, part))
      self._strategy.run(finish)

  # Autograph, which `run` needs and this does not, would take 4 seconds for the
  # modules of a model.
  @tf.autograph.experimental.do_not_convert
  def _step(self, batch):
    self._update(*self._gradients(self._rows(batch, 0)))

  @tf.autograph.experimental.do_not_convert
  def _take_part(self, batch, part):
    self._add(*self._gradients(self._rows(batch, part)))

  def _gradients(self, batch):
    """Returns the gradients of the scaled loss, and the losses."""
    with tf.GradientTape() as tape:
      losses = self.model.losses(batch, is_training=True)
      loss = losses.loss * self._scale()
    gradients = tape.gradient(
      loss,
      self.model.trainable_variables,
      unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    return gradients, losses

  def _rows(self, batch, part):
    """Returns this replica's rows of a part of the batch of all here."""
    count = replicas.count() * self._num_parts
    if count == 1:
      return batch
    rows = self._config.batch_size // count

    def own(tensor):
      # Replicas are numbered through all processes, by equal shares.
      share = replicas.index() * self._num_parts + part
      begin = [share * rows % tensor.shape[0], *[0] * (tensor.shape.rank - 1)]
      # Of a size that XLA knows.
      return tf.slice(tensor, begin, [rows, *tensor.shape[1:]])

    return tf.nest.map_structure(own, batch)

  def _found(self, gradients, losses):
    means = {
      key: tf.reduce_mean(getattr(losses, key)) for key in self.model.statistics
    }
    return _Found(list(gradients), means, self._counts(losses.codes))

  def _counts(self, codes):
    counts = []
    for m, size in enumerate(self.model.counted_codebooks):
      flat = tf.reshape(codes[..., m], [-1])
      # Floats, which every device can add to those of another.
      ones = tf.ones_like(flat, tf.float32)
      counts.append(tf.math.unsorted_segment_sum(ones, flat, size))
    return counts

  def _update_variables(self, gradients, losses):
    self._take_step(self._found(gradients, losses))

  def _add_to_sums(self, gradients, losses):
    self._accumulation.add(self._found(gradients, losses))

  @tf.autograph.experimental.do_not_convert
  def _update_by_sums(self):
    sums = self._accumulation.take()
    gradients, means = tf.nest.map_structure(
      lambda total: total / self._num_parts, sums[:2]
    )
    self._take_step(_Found(gradients, means, sums.counts))

  def _take_step(self, found):
    scale = self._scale()
    means = _means(found.means)
    # From here on all replicas see the same and do the same.
    gradients = [gradient / scale for gradient in _means(found.gradients)]
    is_finite = tf.math.is_finite(means['loss'])
    if self.loss_scale:
      for gradient in gradients:
        is_finite &= tf.reduce_all(tf.math.is_finite(gradient))
      self.loss_scale.update(is_finite)
    if self._config.clip_norm:
      gradients = clipped(gradients, self._config.clip_norm)
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
    for counts, here in zip(self.code_counts, found.counts, strict=True):
      total = tf.cast(replicas.total(here), tf.int32)
      counts.assign_add(tf.where(is_finite, total, 0))

  def _scale(self):
    """Returns what the loss is multiplied by: float32 scalar."""
    value = self.loss_scale.value if self.loss_scale else 1.0
    return tf.convert_to_tensor(value)

  def _rate(self):
    """Returns the learning rate of this step: float32 scalar."""
    config = self._config
    return scheduled(
      config.learning_rate,
      self.optimizer.step,
      config.warmup_steps,
      config.decay_steps,
      config.schedule,
    )

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


def _nothing(model):
  """Returns what no rows at all would give."""
  return _Found(
    [tf.zeros_like(variable) for variable in model.trainable_variables],
    {key: tf.constant(0.0) for key in model.statistics},
    [tf.zeros([size]) for size in model.counted_codebooks],
  )


def _under_xla(function):
  return tf.function(function, jit_compile=True, autograph=False)
