"""A folder takes the place of another; a kill leaves one of both."""

import os
import signal
import subprocess
import sys

import pytest

from vqvae_tf.serving import exchange

# Kills itself before the n-th change of what is on disk.
_KILLED = """
import os, pathlib, signal, sys
from vqvae_tf.serving import exchange
target, count, can_exchange = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:])

_CHANGES = 'os.rename', 'os.remove', 'os.rmdir', 'ctypes.dlsym', 'os.mkdir'

def audit(event, arguments):
  global count
  if event in _CHANGES:
    count -= 1
    if count < 0:
      os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(audit)
with exchange.beside(target) as aside:
  new = aside / 'model'
  new.mkdir()
  (new / 'content').write_text('new')
  exchange.put(new, target, bool(can_exchange))
"""


def _made(path, content):
  path.mkdir()
  (path / 'content').write_text(content)
  return path


@pytest.mark.parametrize('can_exchange', [True, False])
def test_takes_the_place(tmp_path, can_exchange):
  target = _made(tmp_path / 'target', 'old')
  with exchange.beside(target) as aside:
    exchange.put(_made(aside / 'model', 'new'), target, can_exchange)
  assert (target / 'content').read_text() == 'new'
  assert [path.name for path in tmp_path.iterdir()] == ['target']


@pytest.mark.parametrize('can_exchange', [True, False])
def test_killed_at_any_step_one_of_both_is_there(
  tmp_path, environment, can_exchange
):
  # Without exchange: the folder, the model, two renames, and five removals.
  for count in range(20):
    root = tmp_path / str(count)
    root.mkdir()
    target = _made(root / 'target', 'old')
    flags = [str(target), str(count), str(int(can_exchange))]
    done = subprocess.run(
      [sys.executable, '-c', _KILLED, *flags], env=environment
    )
    exchange.recover(target)
    assert (target / 'content').read_text() in ('old', 'new')
    # An empty folder may be that of a process that has just begun.
    left = {path.name for path in root.iterdir()} - {'target'}
    assert all(not any((root / name).iterdir()) for name in left)
    if done.returncode == 0:
      break
    assert done.returncode == -signal.SIGKILL
  assert count > 3
  assert (target / 'content').read_text() == 'new'


def test_a_living_process_keeps_its_folder(tmp_path):
  target = tmp_path / 'target'
  with exchange.beside(target) as aside:
    exchange.recover(target)
    assert aside.exists()
  assert not aside.exists()


def test_what_early_versions_left_is_nobodys(tmp_path):
  os.mkdir(tmp_path / '.export-old')
  exchange.recover(tmp_path / 'target')
  assert (tmp_path / '.export-old').exists()
