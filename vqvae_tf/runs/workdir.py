"""A workdir: config.json, metrics.jsonl, checkpoints/, snapshots/ and more.

A checkpoint is a folder named after its step. It is written aside and renamed,
so it is there whole or not at all; `state.json` in it says which step was best
by validation when it was written.
"""

import contextlib
import dataclasses
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from vqvae_tf import configs, files
from vqvae_tf.configs import PriorConfig
from vqvae_tf.errors import UserError

# What TensorFlow raises for a checkpoint that it cannot read into variables;
# IndexError where a file ends too early.
_UNREADABLE = (tf.errors.OpError, ValueError, AssertionError, IndexError)


class State(NamedTuple):
  """What a checkpoint remembers beside its variables.

  Attributes:
    step: training steps taken.
    best_step: the step with the best validation so far, or -1.
    best_bits_per_dim: its validation bits/dim, or infinity.
    seconds: training time so far.
    num_worse: validations since the best.
  """

  step: int = 0
  best_step: int = -1
  best_bits_per_dim: float = float('inf')
  seconds: float = 0.0
  num_worse: int = 0


class Workdir:
  """The folder of one training run.

  Args:
    path: the folder; nothing is created before it is needed.
  """

  def __init__(self, path: str | os.PathLike):
    self.path = Path(path)
    self.metrics_path = self.path / 'metrics.jsonl'
    self._config_path = self.path / 'config.json'
    self._checkpoints = self.path / 'checkpoints'
    self._kind = configs.Config
    self.command = f'bin/train --workdir={self}'
    # What a user can do for whom this one is not to be used.
    self.way_out = 'name another --workdir'

  def __str__(self) -> str:
    return str(self.path)

  @contextlib.contextmanager
  def locked(self) -> Iterator[None]:
    """Keeps a second run out; the lock dies with the process.

    Raises:
      UserError: if another run holds the workdir.
    """
    try:
      self.path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
      raise UserError(
        f'{self} is no folder, or a link to nothing: name another --workdir'
      ) from error
    with open(self.path / 'lock', 'w') as lock:
      try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
      except OSError as error:
        raise UserError(
          f'another run trains in {self}: wait for it, or name another '
          '--workdir'
        ) from error
      yield

  def has_config(self) -> bool:
    """Returns whether a run was started here."""
    return self._config_path.exists()

  def load_config(self) -> configs.Sections:
    """Returns the configuration of the run.

    Raises:
      UserError: if there is none, or it is damaged.
    """
    if not self.has_config():
      raise UserError(
        f'{self} is no workdir: it has no config.json; train one with '
        f'{self.command}'
      )
    try:
      return configs.from_values(files.read_json(self._config_path), self._kind)
    except (UserError, ValueError) as error:
      raise UserError(f'{self._config_path} is damaged: {error}') from error

  def save_config(self, config: configs.Sections) -> None:
    """Writes config.json, whole or not at all."""
    files.write_json(self._config_path, dataclasses.asdict(config))

  def steps(self) -> list[int]:
    """Returns the steps of the complete checkpoints, ascending."""
    if not self._checkpoints.is_dir():
      return []
    names = (path.name for path in self._checkpoints.iterdir())
    return sorted(int(name) for name in names if name.isdecimal())

  def save(self, checkpoint: tf.train.Checkpoint, state: State) -> None:
    """Writes a checkpoint; of the others only the best is kept.

    Raises:
      OSError: if the disk is full; the checkpoints before it stay.
    """
    final = self._folder(state.step)
    aside = final.with_name(f'.{final.name}.partial')
    self._remove_leftovers()
    aside.mkdir(parents=True)
    try:
      checkpoint.write(str(aside / 'weights'))
      files.write_json(aside / 'state.json', state._asdict())
      files.synced_folder(aside)
      shutil.rmtree(final, ignore_errors=True)
      aside.rename(final)
      files.synced(final.parent)
    except (tf.errors.OpError, OSError) as error:
      raise OSError(f'cannot write {final}: {files.one_line(error)}') from error
    finally:
      self._remove_leftovers()
    for step in self.steps():
      if step not in (state.step, state.best_step):
        shutil.rmtree(self._folder(step))

  def last_state(self) -> State:
    """Returns the state of the last checkpoint, or the state of a new run.

    Raises:
      UserError: if it is damaged.
    """
    steps = self.steps()
    if not steps:
      return State()
    path = self._folder(steps[-1]) / 'state.json'
    try:
      state = State(**files.read_json(path))
      files.check_numbers(state, State())
      if state.step != steps[-1]:
        raise ValueError(f'it is of step {state.step}')
      if not -1 <= state.best_step <= state.step:
        raise ValueError(f'its best step is {state.best_step!r:.40}')
      return state
    except (OSError, ValueError, TypeError) as error:
      raise UserError(
        f'the checkpoint {path.parent} is damaged (state.json: '
        f'{files.one_line(error)}): remove that folder to go back to the one '
        'before'
      ) from error

  def best_step(self) -> int:
    """Returns the best step by validation, or the last before any validation.

    Raises:
      UserError: if there is no checkpoint, or it is damaged.
    """
    state = self.last_state()
    if not self.steps():
      raise UserError(
        f'{self} has no checkpoint yet: train it with {self.command}'
      )
    return state.best_step if state.best_step >= 0 else state.step

  def restore(self, checkpoint: tf.train.Checkpoint, step: int) -> None:
    """Assigns the variables of a checkpoint; every one must be found.

    Args:
      checkpoint: of objects whose variables exist already.
      step: one of `steps()`.

    Raises:
      UserError: if the checkpoint is missing, damaged or of another model.
      OSError: if one of its files is none.
    """
    folder = self._folder(step)
    for path in self.weights(step):
      files.check_regular(path)
    try:
      status = checkpoint.read(str(folder / 'weights'))
      status.assert_existing_objects_matched().expect_partial()
    except _UNREADABLE as error:
      raise UserError(
        f'the checkpoint {folder} is missing, damaged or of another model: '
        f'{files.one_line(error)}'
      ) from error

  def weights(self, step: int) -> list[Path]:
    """Returns the files of a checkpoint's variables."""
    return sorted(self._folder(step).glob('weights.*'))

  def clear(self) -> None:
    """Removes the run, for another one."""
    for folder in (self._checkpoints, self.path / 'tensorboard'):
      shutil.rmtree(folder, ignore_errors=True)
    for file in (self.metrics_path, self._config_path):
      file.unlink(missing_ok=True)

  def _remove_leftovers(self):
    for path in self._checkpoints.glob('.*.partial'):
      shutil.rmtree(path, ignore_errors=True)

  def _folder(self, step: int) -> Path:
    return self._checkpoints / f'{step:08d}'


class PriorWorkdir(Workdir):
  """The folder `prior/` in a model's workdir: the run that trains its prior.

  Args:
    model: the workdir of the model.
  """

  def __init__(self, model: Workdir):
    super().__init__(model.path / 'prior')
    self._kind = PriorConfig
    self.command = f'bin/prior --workdir={model}'
    self.way_out = f'remove {self}'
    # Of the best checkpoint, see `code_bits.Standing`.
    self.standing_path = self.path / 'validation.json'

  def clear(self) -> None:
    # First, as another run may have its best checkpoint at the same step.
    self.standing_path.unlink(missing_ok=True)
    super().clear()
