"""A folder in the place of another: at no moment is there none.

What is made lies in a folder beside its target until it is whole. A process
that is killed leaves that folder behind; the next one that writes there sweeps
it, and brings back a target that had been moved away.
"""

import contextlib
import ctypes
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from vqvae_tf import files

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_LOCK = 'lock'


@contextlib.contextmanager
def beside(target: Path) -> Iterator[Path]:
  """Yields an empty folder on the disk of a target, and removes it afterwards.

  Those of processes that are no more are removed, too.
  """
  target.parent.mkdir(parents=True, exist_ok=True)
  recover(target)
  aside = Path(tempfile.mkdtemp(prefix='.export-', dir=target.parent))
  try:
    with open(aside / _LOCK, 'w') as lock:
      # It is free again when this process ends, however that comes about.
      fcntl.flock(lock, fcntl.LOCK_EX)
      yield aside
  finally:
    shutil.rmtree(aside, ignore_errors=True)


def put(new: Path, target: Path, can_exchange: bool = True) -> None:
  """Moves a folder to a target; what was there is removed.

  Args:
    new: the folder, on the disk of the target.
    target: where it is to be.
    can_exchange: whether the system may be asked to exchange two names in one
      step; if it cannot, the old folder has another name for a moment, by which
      `recover` finds it.
  """
  files.synced_folder(new)
  if target.exists():
    if not (can_exchange and _exchange(new, target)):
      target.rename(_moved(target))
      new.rename(target)
  else:
    new.rename(target)
  files.synced(target.parent)
  shutil.rmtree(_moved(target), ignore_errors=True)


def copy(source: Path, target: Path) -> None:
  """Copies a folder to a target, which appears whole or not at all.

  Raises:
    OSError: if it cannot be written.
  """
  try:
    with beside(target) as aside:
      shutil.copytree(source, aside / 'model')
      put(aside / 'model', target)
  except OSError as error:
    raise OSError(f'cannot write {target}: {files.one_line(error)}') from error


def recover(target: Path) -> None:
  """Puts right what killed processes left where a target is."""
  moved = _moved(target)
  if moved.exists():
    if target.exists():
      shutil.rmtree(moved, ignore_errors=True)
    else:
      moved.rename(target)
  for folder in target.parent.glob('.export-*'):
    if _is_abandoned(folder):
      shutil.rmtree(folder, ignore_errors=True)


def _moved(target):
  return target.with_name(f'.{target.name}.replaced')


def _is_abandoned(folder):
  try:
    with open(folder / _LOCK) as lock:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except OSError:
    # Another process works there, or has just begun to.
    return False
  return True


def _exchange(one, other):
  """Exchanges two names in one step; returns whether the system can."""
  try:
    rename = ctypes.CDLL(None, use_errno=True).renameat2
  except (AttributeError, OSError):
    return False
  names = os.fsencode(one), os.fsencode(other)
  failed = rename(
    _AT_FDCWD, names[0], _AT_FDCWD, names[1], ctypes.c_uint(_RENAME_EXCHANGE)
  )
  return not failed
