"""train(config, workdir): the loop, its intervals and its guards."""

import contextlib
import math
import signal
import time
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from vqvae_tf import build, configs, images, metrics
from vqvae_tf.checkpoints import State, Workdir
from vqvae_tf.datasets import pipeline
from vqvae_tf.datasets.source import Source
from vqvae_tf.errors import UserError
from vqvae_tf.reporting import Reporter
from vqvae_tf.trainer import Trainer

# Long enough that Python's share of a call does not matter, short enough for
# the progress bar and for signals.
_SECONDS_PER_CALL = 0.5
_NUM_PICTURES = 32


def train(
  config: configs.Config, workdir: Workdir, data: Source, validation: Source
) -> State:
  """Trains a model, or goes on where a run in this workdir stopped.

  Args:
    config: the run; `run.steps` counts from the run's first step.
    workdir: where config.json, metrics.jsonl and checkpoints go.
    data: training images.
    validation: images that choose the best checkpoint.

  Returns:
    The state at the end; its `step` is below `run.steps` if a signal
    (SIGINT, SIGTERM) stopped the run.

  Raises:
    UserError: if the workdir is in use, was trained with other settings or is
      damaged, or if the loss is not finite.
  """
  config = configs.observed(config, data.image_shape, data.class_names)
  with workdir.locked():
    state = workdir.last_state()
    # A run that left no checkpoint leaves nothing to contradict.
    if state.step:
      configs.check_resumable(workdir.load_config(), config, str(workdir))
    trainer = _trainer(config)
    if state.step:
      workdir.restore(tf.train.Checkpoint(trainer=trainer), state.step)
    # Last, so that settings that do not work leave no trace.
    workdir.save_config(config)
    loop = _Loop(config, workdir, trainer, state)
    return loop.run(data, validation)


def _trainer(config):
  tf.random.set_seed(config.optimizer.seed)
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
  ):
    self._config = config
    self._workdir = workdir
    self._trainer = trainer
    self._state = state
    self._saved_step = state.step
    self._checkpoint = tf.train.Checkpoint(trainer=trainer)
    self._assess = build.assessment(trainer.model, config.image_shape)
    self._seconds_per_step = _SECONDS_PER_CALL

  def run(self, data: Source, validation: Source) -> State:
    settings = self._config.run
    batch_size = self._config.optimizer.batch_size
    batches = iter(
      pipeline.shuffled(
        data, batch_size, self._config.optimizer.seed, self._state.step
      )
    )
    self._steps_per_epoch = max(1, data.num_examples // batch_size)
    self._reporter = Reporter(self._workdir, self._state.step, settings.steps)
    with contextlib.closing(self._reporter), _signals() as stopped:
      while self._state.step < settings.steps and not stopped:
        self._advance(batches)
        self._at_intervals(validation)
      if stopped:
        self._save()
        self._reporter.line(
          f'stopped at step {self._state.step}: the same command goes on'
        )
    return self._state

  def _advance(self, batches):
    """Takes steps up to the next interval."""
    step, settings = self._state.step, self._config.run
    intervals = (
      settings.log_every,
      settings.evaluate_every,
      self._steps_per_epoch,
    )
    until = min(interval - step % interval for interval in intervals)
    num_steps = min(
      until,
      settings.steps - step,
      max(1, int(_SECONDS_PER_CALL / self._seconds_per_step)),
    )
    begin = time.perf_counter()
    self._trainer.run(batches, tf.constant(num_steps))
    failed = int(self._trainer.failed_step)
    seconds = time.perf_counter() - begin
    if failed >= 0:
      raise self._failure('the loss', failed)
    self._seconds_per_step = seconds / num_steps
    self._state = self._state._replace(
      step=step + num_steps, seconds=self._state.seconds + seconds
    )
    self._reporter.advance(num_steps)

  def _failure(self, what, step):
    advice = 'use a lower --learning_rate in another --workdir'
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
    self._reporter.scalars(step, 'validation', result._asdict())
    self._reporter.line(
      f'step {step}: validation {result.bits_per_dim:.4f} bits/dim, '
      f'{result.psnr_db:.2f} dB, {100 * result.codes_in_use:.1f} % of the '
      f'codes in use, perplexity {result.perplexity:.1f}'
    )
    if result.bits_per_dim < self._state.best_bits_per_dim:
      self._state = self._state._replace(
        best_step=step, best_bits_per_dim=result.bits_per_dim
      )
    self._draw(next(iter(batches))[0])

  def _draw(self, originals):
    result = self._assess(originals)
    size = self._trainer.model.quantizer.codebook_sizes[0]
    maps = images.code_maps(result.codes.numpy()[..., :1], size)
    self._reporter.pictures(
      self._state.step,
      originals=originals.numpy()[:_NUM_PICTURES],
      reconstructions=result.reconstructions.numpy()[:_NUM_PICTURES],
      codes=maps[:_NUM_PICTURES],
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
