"""Which way to compile a training step is the faster one here: it is measured.

graph  convolutions outside of XLA, which compiles what is between them
xla    the whole step under XLA

Which one wins depends on the processor, the model and the batch.
"""

import statistics
import time
from collections.abc import Iterator
from typing import NamedTuple

import tensorflow as tf

from vqvae_tf.errors import UserError
from vqvae_tf.training.step import COMPILATIONS, Trainer

# What a shorter run could win is less than XLA takes to compile.
_WORTH_SECONDS = 300.0
_ROUNDS = 3
_SECONDS_PER_ROUND = 1.0


class Choice(NamedTuple):
  """How a step is compiled, and why.

  Attributes:
    compilation: 'graph' or 'xla'.
    milliseconds: of a step, by compilation; nothing where it was not measured.
  """

  compilation: str
  milliseconds: dict[str, float]

  @property
  def text(self) -> str:
    """The choice in a line."""
    times = ', '.join(f'{k} {v:.1f}' for k, v in self.milliseconds.items())
    why = f' (ms per step: {times})' if times else ''
    return f'compilation of a step: {self.compilation}{why}'


def choose(
  trainer: Trainer,
  batches: Iterator,
  num_steps: int,
  worth_seconds: float = _WORTH_SECONDS,
) -> Choice:
  """Measures both ways, sets `trainer.compilation` and returns the choice.

  The trainer's variables are afterwards what they were before. A run that is
  soon over is compiled as a graph: XLA takes longer to start. So is one of
  several replicas, which exchange what XLA does not let through.

  Args:
    trainer: what is about to be trained.
    batches: an iterator of its batches, which is used up in part.
    num_steps: how many steps are to come.
    worth_seconds: a shorter run is not measured.
  """
  trainer.compilation = 'graph'
  if trainer.num_replicas > 1:
    return Choice('graph', {})
  before = [tf.identity(variable) for variable in trainer.variables]
  try:
    choice = _measured(trainer, batches, num_steps, worth_seconds)
  finally:
    for variable, value in zip(trainer.variables, before, strict=True):
      variable.assign(value)
  trainer.compilation = choice.compilation
  return choice


def compile_as(trainer: Trainer, compilation: str) -> None:
  """Sets `trainer.compilation` to what a flag asks for.

  Args:
    trainer: what is about to be trained.
    compilation: 'graph' or 'xla'.

  Raises:
    UserError: if several devices cannot train so.
  """
  if compilation == 'xla' and trainer.num_replicas > 1:
    raise UserError(
      '--compile=xla is for one device, as XLA does not let several exchange '
      'anything within a step: leave it out'
    )
  trainer.compilation = compilation


def _measured(trainer, batches, num_steps, worth_seconds):
  # The first call traces, and the second one finds memory laid out.
  _seconds(trainer, batches, 1)
  one_step = _seconds(trainer, batches, 1)
  if one_step * num_steps < worth_seconds:
    return Choice('graph', {})
  try:
    _seconds(_set(trainer, 'xla'), batches, 1)
  except tf.errors.OpError:
    # Not every operation has a form for XLA.
    return Choice('graph', {})
  steps = max(1, round(_SECONDS_PER_ROUND / one_step))
  # In turn, as a shared machine drifts.
  rounds = [
    [_seconds(_set(trainer, way), batches, steps) for way in COMPILATIONS]
    for _ in range(_ROUNDS)
  ]
  times = map(statistics.median, zip(*rounds, strict=True))
  milliseconds = {
    way: 1e3 * seconds / steps
    for way, seconds in zip(COMPILATIONS, times, strict=True)
  }
  return Choice(min(milliseconds, key=milliseconds.get), milliseconds)


def _set(trainer, compilation):
  trainer.compilation = compilation
  return trainer


def _seconds(trainer, batches, num_steps):
  begin = time.perf_counter()
  trainer.run(batches, tf.constant(num_steps))
  # Reading a variable waits for the steps to end.
  trainer.step.numpy()
  return time.perf_counter() - begin
