"""train(config, workdir): the loop, its intervals and its guards."""

import contextlib
import math
import signal
import time
import zlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from vqvae_tf import build, configs, distribution, images, metrics
from vqvae_tf.checkpoints import State, Workdir
from vqvae_tf.datasets import pipeline
from vqvae_tf.datasets.source import Source
from vqvae_tf.errors import UserError
from vqvae_tf.reporting import Reporter
from vqvae_tf.trainer import Trainer

# Long enough that Python's share of a call does not matter, short enough for
# the progress bar and for signals.
_SECONDS_PER_CALL = 0.5
# Workers must make calls of equal length, whatever their clocks say.
_STEPS_PER_CALL = 10
_NUM_PICTURES = 32


def train(
  config: configs.Config,
  workdir: Workdir,
  data: Source,
  validation: Source,
  devices: distribution.Devices | None = None,
) -> State:
  """Trains a model, or goes on where a run in this workdir stopped.

  Args:
    config: the run; `run.steps` counts from the run's first step.
    workdir: where config.json, metrics.jsonl and checkpoints go.
    data: training images.
    validation: images that choose the best checkpoint.
    devices: on which it trains; None: one. Of several workers all call this,
      with the same workdir, into which the chief alone writes.

  Returns:
    The state at the end; its `step` is below `run.steps` if a signal
    (SIGINT, SIGTERM) stopped the run. Of several workers, the chief's.

  Raises:
    UserError: if the workdir is in use, was trained with other settings or is
      damaged, if the loss is not finite, if the batch cannot be split over
      the devices or another worker is gone.
  """
  devices = devices or distribution.Devices()
  config = configs.observed(config, data.image_shape, data.class_names)
  lock = workdir.locked() if devices.is_chief else contextlib.nullcontext()
  with lock, devices.watched():
    state = workdir.last_state()
    # A run that left no checkpoint leaves nothing to contradict.
    if state.step:
      configs.check_resumable(workdir.load_config(), config, str(workdir))
    trainer = _trainer(config, devices.strategy)
    if state.step:
      workdir.restore(tf.train.Checkpoint(trainer=trainer), state.step)
    _check_agreement(devices, config, state, workdir)
    # Last, so that settings that do not work leave no trace.
    if devices.is_chief:
      workdir.save_config(config)
    loop = _Loop(config, workdir, trainer, state, devices)
    state = loop.run(data, validation)
    # A worker that ends is a worker lost to those that still work.
    devices.total(0)
    return state


def _check_agreement(devices, config, state, workdir):
  """Checks that all workers are about to do the same."""
  if devices.total(state.step) != state.step * devices.num_workers:
    raise UserError(
      f'the workers see different checkpoints in {workdir}: it must be on a '
      'file system that they share'
    )
  settings = configs.to_json(configs.replace(config, data_dir=''))
  check = zlib.crc32(settings.encode())
  if devices.total(check) != check * devices.num_workers:
    raise UserError(
      'the workers have different settings: give all of them the same flags'
    )


def _trainer(config, strategy):
  batch_size = config.optimizer.batch_size
  if batch_size % strategy.num_replicas_in_sync:
    raise UserError(
      f'--batch_size={batch_size} has no equal parts for '
      f'{strategy.num_replicas_in_sync} devices: choose a multiple'
    )
  tf.random.set_seed(config.optimizer.seed)
  with strategy.scope():
    try:
      model = build.model(config)
    except ValueError as error:
      raise UserError(str(error)) from error
    return Trainer(model, config.optimizer, config.image_shape)


class _Loop:
  """One call of `train`: what happens between steps."""

  def __init__(
    self,
    config: configs.Config,
    workdir: Workdir,
    trainer: Trainer,
    state: State,
    devices: distribution.Devices,
  ):
    self._config = config
    self._devices = devices
    self._workdir = workdir
    self._trainer = trainer
    self._state = state
    self._saved_step = state.step
    self._checkpoint = tf.train.Checkpoint(trainer=trainer)
    self._assess = build.assessment(trainer.model, config.image_shape)
    self._reconstruct = build.reconstruction(trainer.model, config.image_shape)
    self._seconds_per_step = _SECONDS_PER_CALL

  def run(self, data: Source, validation: Source) -> State:
    settings = self._config.run
    batch_size = self._config.optimizer.batch_size
    batches = iter(
      pipeline.shuffled(
        data,
        batch_size,
        self._config.optimizer.seed,
        self._state.step,
        (self._devices.worker, self._devices.num_workers),
        self._config.data.flip,
      )
    )
    self._steps_per_epoch = max(1, data.num_examples // batch_size)
    with contextlib.ExitStack() as stack:
      if self._devices.is_chief:
        self._reporter = Reporter(
          self._workdir, self._state.step, settings.steps
        )
        stack.enter_context(contextlib.closing(self._reporter))
      signals, stopped = stack.enter_context(_signals()), False
      while self._state.step < settings.steps and not stopped:
        num_steps = self._advance(batches)
        if self._devices.is_chief:
          self._reporter.advance(num_steps)
          self._at_intervals(validation)
        # All workers stop at the same step, whichever was told to.
        stopped = self._devices.total(len(signals)) > 0
      if stopped and self._devices.is_chief:
        self._save()
        self._reporter.line(
          f'stopped at step {self._state.step}: the same command goes on'
        )
    return self._state

  def _advance(self, batches):
    """Takes steps, at most to the next interval; returns how many."""
    step, settings = self._state.step, self._config.run
    intervals = (
      settings.log_every,
      settings.evaluate_every,
      self._steps_per_epoch,
    )
    until = min(interval - step % interval for interval in intervals)
    steps_per_call = (
      max(1, int(_SECONDS_PER_CALL / self._seconds_per_step))
      if self._devices.num_workers == 1
      else _STEPS_PER_CALL
    )
    num_steps = min(until, settings.steps - step, steps_per_call)
    begin = time.perf_counter()
    self._trainer.run(batches, tf.constant(num_steps))
    failed = int(self._trainer.failed_step.numpy())
    seconds = time.perf_counter() - begin
    if failed >= 0:
      raise self._failure('the loss', failed)
    self._seconds_per_step = seconds / num_steps
    self._state = self._state._replace(
      step=step + num_steps, seconds=self._state.seconds + seconds
    )
    return num_steps

  def _failure(self, what, step):
    advice = 'use a lower --learning_rate in another --workdir'
    if self._config.optimizer.precision == 'mixed_float16':
      advice += ', or --precision=mixed_bfloat16, of a larger range'
    if self._config.likelihood.likelihood == 'bernoulli':
      advice += '; bernoulli is for images of the values 0 and 255 alone'
    return UserError(
      f'{what} is not finite at step {step}: the checkpoints in '
      f'{self._workdir} are intact; {advice}'
    )

  def _at_intervals(self, validation):
    step, settings = self._state.step, self._config.run
    is_last = step == settings.steps
    if step % settings.log_every == 0:
      self._log()
    if step % self._steps_per_epoch == 0:
      usage = metrics.usage(self._trainer.take_code_counts())
      self._reporter.scalars(step, 'epoch', usage)
      self._reporter.show(codes_in_use=usage['codes_in_use'])
    if step % settings.evaluate_every == 0 or is_last:
      with self._trainer.averaged():
        self._validate(validation)
      self._save()

  def _log(self):
    averages = self._trainer.take_averages()
    num_dims = np.prod(self._config.image_shape)
    averages['pixel_bits_per_dim'] = float(
      averages.pop('nats') / np.log(2) / num_dims
    )
    averages['images_per_second'] = (
      self._config.optimizer.batch_size / self._seconds_per_step
    )
    if self._trainer.loss_scale:
      averages['loss_scale'] = float(self._trainer.loss_scale.value.numpy())
    self._reporter.scalars(self._state.step, 'train', averages)
    self._reporter.show(
      loss=averages['loss'],
      bits_per_dim=averages['pixel_bits_per_dim'] + self._code_bits_per_dim(),
      images_per_second=averages['images_per_second'],
    )

  def _code_bits_per_dim(self):
    grid = np.prod(self._trainer.model.decoder.grid_size)
    code_bits = self._trainer.model.quantizer.bits_per_position * grid
    return code_bits / np.prod(self._config.image_shape)

  def _validate(self, validation):
    sizes = self._trainer.model.quantizer.codebook_sizes
    batches = pipeline.in_order(validation, self._config.optimizer.batch_size)
    result = metrics.measure(self._assess, batches, sizes)
    step = self._state.step
    # The update after a finite loss may have ruined the weights: what would be
    # saved here.
    if not math.isfinite(result.bits_per_dim):
      raise self._failure('the bits/dim of the validation split', step)
    known = {k: v for k, v in result._asdict().items() if v is not None}
    self._reporter.scalars(step, 'validation', known)
    decibels = '' if result.mse is None else f'{result.psnr_db:.2f} dB, '
    self._reporter.line(
      f'step {step}: validation {result.bits_per_dim:.4f} bits/dim, {decibels}'
      f'{100 * result.codes_in_use:.1f} % of the codes in use, perplexity '
      f'{result.perplexity:.1f}'
    )
    if result.bits_per_dim < self._state.best_bits_per_dim:
      self._state = self._state._replace(
        best_step=step, best_bits_per_dim=result.bits_per_dim
      )
    self._draw(next(iter(batches))[0])

  def _draw(self, originals):
    originals = originals[:_NUM_PICTURES]
    codes = self._assess(originals).codes.numpy()
    size = self._trainer.model.quantizer.codebook_sizes[0]
    self._reporter.pictures(
      self._state.step,
      originals=originals.numpy(),
      reconstructions=self._reconstruct(originals).numpy(),
      codes=images.code_maps(codes[..., :1], size),
    )

  def _save(self):
    # A signal may come when a step is saved already.
    if self._state.step > self._saved_step:
      self._workdir.save(self._checkpoint, self._state)
      self._saved_step = self._state.step


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
  """Collects SIGINT and SIGTERM instead of dying; a second one kills."""
  received = []

  def note(number, _):
    received.append(number)
    signal.signal(number, previous[number])

  numbers = (signal.SIGINT, signal.SIGTERM)
  previous = {n: signal.signal(n, note) for n in numbers}
  try:
    yield received
  finally:
    for number, handler in previous.items():
      signal.signal(number, handler)
