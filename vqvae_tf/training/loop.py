"""The training loop: its intervals and its guards, for whatever is trained.

What is trained, on what, and what is said of it, is a `Stage`.
"""

import contextlib
import json
import math
import signal
import time
import zlib
from collections.abc import Iterator

import tensorflow as tf

from vqvae_tf import configs
from vqvae_tf.errors import UserError
from vqvae_tf.runs import data, snapshots
from vqvae_tf.runs.workdir import State, Workdir
from vqvae_tf.training import compiling
from vqvae_tf.training.devices import Devices
from vqvae_tf.training.reporter import Callback, Reporter
from vqvae_tf.training.stage import Stage
from vqvae_tf.training.step import Trainer

# Long enough that Python's share of a call does not matter, short enough for
# the progress bar and for signals.
_SECONDS_PER_CALL = 0.5
# Workers must make calls of equal length, whatever their clocks say.
_STEPS_PER_CALL = 10


def train(
  stage: Stage,
  workdir: Workdir,
  devices: Devices | None = None,
  callback: Callback | None = None,
) -> State:
  """Trains, or goes on where a run in this workdir stopped.

  Args:
    stage: what is trained; `run.steps` counts from the run's first step.
    workdir: where config.json, metrics.jsonl and checkpoints go.
    devices: on which it trains; None: one. Of several workers all call this,
      with the same workdir, into which the chief alone writes.
    callback: is called by the chief with each entry of metrics.jsonl.

  Returns:
    The state at the end; its `step` is below `run.steps` if a signal
    (SIGINT, SIGTERM) or the stage's patience stopped the run. Of several
    workers, the chief's.

  Raises:
    UserError: if the workdir is in use, was trained with other settings or on
      other data or is damaged, if the loss is not finite, if the batch cannot
      be split over the devices or another worker is gone.
  """
  devices = devices or Devices()
  config = stage.config
  lock = workdir.locked() if devices.is_chief else contextlib.nullcontext()
  with lock, devices.watched():
    state = workdir.last_state()
    # A run that left no checkpoint leaves nothing to contradict.
    if state.step:
      _check_resumable(stage, workdir)
    trainer = make_trainer(stage, devices.strategy)
    if state.step:
      workdir.restore(tf.train.Checkpoint(trainer=trainer), state.step)
    _check_agreement(devices, stage, state, workdir)
    if devices.is_chief:
      print(f'parameters: {stage.parameters()}', flush=True)
    compilation = _compile(trainer, stage, state, workdir)
    # Last, so that settings that do not work leave no trace.
    if devices.is_chief:
      workdir.save_config(configs.replace(config, compile=compilation))
      data.record(workdir, stage.sources)
    state = _Loop(stage, workdir, trainer, state, devices, callback).run()
    # A worker that ends is a worker lost to those that still work.
    devices.total(0)
    return state


def _check_resumable(stage, workdir):
  """Checks that a run may go on with these settings and this data."""
  before = workdir.load_config()
  configs.check_resumable(before, stage.config, str(workdir), workdir.way_out)
  for source in stage.sources if not stage.allow_other_data else ():
    data.check(workdir, source)


def _check_agreement(devices, stage, state, workdir):
  """Checks that all workers are about to do the same."""
  if devices.total(state.step) != state.step * devices.num_workers:
    raise UserError(
      f'the workers see different checkpoints in {workdir}: it must be on a '
      'file system that they share'
    )
  settings = dict(configs.observations(stage.config))
  settings['data'] = [source.identity for source in stage.sources]
  for field, value in configs.fields(stage.config):
    if field.name != 'data_dir':
      settings[field.name] = value
  check = zlib.crc32(json.dumps(settings).encode())
  if devices.total(check) != check * devices.num_workers:
    raise UserError(
      'the workers have different settings or data: give all of them the same '
      'flags and files'
    )


def _compile(trainer, stage, state, workdir):
  """Lets steps be compiled as told, as before or as is faster; returns how."""
  told = stage.config.run.compile
  if told == 'auto' and state.step:
    told = workdir.load_config().run.compile
    # As it was before there was a choice.
    told = 'graph' if told == 'auto' else told
  if told != 'auto':
    compiling.compile_as(trainer, told)
    return told
  num_steps = stage.config.run.steps - state.step
  choice = compiling.choose(trainer, iter(stage.batches(0, (0, 1))), num_steps)
  if choice.milliseconds:
    print(choice.text, flush=True)
  return choice.compilation


def make_trainer(stage: Stage, strategy: tf.distribute.Strategy) -> Trainer:
  """Returns an untrained model of a stage with its optimizer.

  Raises:
    UserError: if the configuration contradicts itself or the devices.
  """
  settings = stage.config.optimizer
  _check_parts(settings, strategy.num_replicas_in_sync)
  if settings.schedule != 'cosine' and not settings.decay_steps:
    raise UserError(
      f'--schedule={settings.schedule} does nothing without --decay_steps: '
      'give it, too'
    )
  tf.random.set_seed(settings.seed)
  with strategy.scope():
    try:
      model = stage.build()
    except ValueError as error:
      raise UserError(str(error)) from error
    return Trainer(model, settings)


def _check_parts(settings, num_devices):
  """Checks that each device has as many examples in each part of a batch."""
  num_parts = settings.accumulation_steps
  if settings.batch_size % (num_parts * num_devices):
    parts = [f'--accumulation_steps={num_parts}'] if num_parts > 1 else []
    devices = [f'{num_devices} devices'] if num_devices > 1 else []
    raise UserError(
      f'--batch_size={settings.batch_size} has no equal parts for '
      f'{" and ".join(parts + devices)}: choose a multiple'
    )


class _Loop:
  """One call of `train`: what happens between steps."""

  def __init__(
    self,
    stage: Stage,
    workdir: Workdir,
    trainer: Trainer,
    state: State,
    devices: Devices,
    callback: Callback | None,
  ):
    self._stage = stage
    self._devices = devices
    self._callback = callback
    self._workdir = workdir
    self._trainer = trainer
    self._state = state
    self._saved_step = state.step
    self._checkpoint = tf.train.Checkpoint(trainer=trainer)
    self._settings = stage.config.run
    self._batch_size = stage.config.optimizer.batch_size
    self._steps_per_epoch = max(1, stage.num_examples // self._batch_size)
    self._seconds_per_step = _SECONDS_PER_CALL

  def run(self) -> State:
    settings, devices = self._settings, self._devices
    part = (devices.worker, devices.num_workers)
    batches = iter(self._stage.batches(self._state.step, part))
    with contextlib.ExitStack() as stack:
      if devices.is_chief:
        self._reporter = Reporter(
          self._workdir, self._state.step, settings.steps, self._callback
        )
        stack.enter_context(contextlib.closing(self._reporter))
      signals, stopped = stack.enter_context(_signals()), self._is_exhausted()
      while self._state.step < settings.steps and not stopped:
        num_steps = self._advance(batches)
        if devices.is_chief:
          self._reporter.advance(num_steps)
          self._at_intervals()
        # All workers stop at the same step, whichever was told to.
        stopped = devices.total(len(signals) + self._is_exhausted()) > 0
      if stopped and devices.is_chief:
        self._stop()
    return self._state

  def _is_exhausted(self):
    patience = self._stage.patience
    return 0 < patience <= self._state.num_worse

  def _stop(self):
    step = self._state.step
    self._save()
    self._reporter.line(
      f'stopped at step {step}: {self._state.num_worse} validations were no '
      f'better than that of step {self._state.best_step}'
      if self._is_exhausted()
      else f'stopped at step {step}: the same command goes on'
    )

  def _advance(self, batches):
    """Takes steps, at most to the next interval; returns how many."""
    step, settings = self._state.step, self._settings
    intervals = (
      settings.log_every,
      settings.evaluate_every,
      self._steps_per_epoch,
    )
    until = min(interval - step % interval for interval in intervals)
    until = min(until, snapshots.next_step(step) - step)
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
    intact = (
      f'the checkpoints in {self._workdir} are intact; '
      if self._workdir.steps()
      else ''
    )
    return UserError(
      f'{what} is not finite at step {step}: {intact}use a lower '
      f'--learning_rate and {self._workdir.way_out}{self._stage.advice()}'
    )

  def _at_intervals(self):
    step, settings = self._state.step, self._settings
    is_last = step == settings.steps
    if step % settings.log_every == 0:
      self._log()
    if step % self._steps_per_epoch == 0:
      epoch = self._stage.epoch(self._trainer)
      if epoch.scalars:
        self._reporter.scalars(step, 'epoch', epoch.scalars)
        self._reporter.histograms(step, epoch.histograms)
        self._reporter.show(**epoch.shown)
    if step % settings.evaluate_every == 0 or is_last:
      with self._trainer.averaged():
        self._validate()
        self._draw(self._stage.samples())
      self._save()
    elif step == snapshots.next_step(step - 1):
      with self._trainer.averaged():
        self._draw({})

  def _log(self):
    entries, shown = self._stage.progress(self._trainer.take_averages())
    images_per_second = self._batch_size / self._seconds_per_step
    entries['images_per_second'] = images_per_second
    if self._trainer.loss_scale:
      entries['loss_scale'] = float(self._trainer.loss_scale.value.numpy())
    self._reporter.scalars(self._state.step, 'train', entries)
    self._reporter.show(**shown, images_per_second=images_per_second)

  def _validate(self):
    result = self._stage.validation()
    step, score = self._state.step, result.bits_per_dim
    # The update after a finite loss may have ruined the weights: what would be
    # saved here.
    if not math.isfinite(score):
      raise self._failure('the bits/dim of the validation split', step)
    self._reporter.scalars(step, 'validation', result.scalars)
    self._reporter.line(f'step {step}: validation {result.text}')
    self._state = (
      self._state._replace(best_step=step, best_bits_per_dim=score, num_worse=0)
      if score < self._state.best_bits_per_dim
      else self._state._replace(num_worse=self._state.num_worse + 1)
    )

  def _draw(self, samples):
    batches = self._stage.pictures() | samples
    self._reporter.pictures(self._state.step, **batches)

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
