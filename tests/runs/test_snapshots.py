import numpy as np
import pytest

from vqvae_tf.errors import UserError
from vqvae_tf.runs import snapshots
from vqvae_tf.runs.workdir import Workdir


@pytest.fixture
def workdir(tmp_path):
  return Workdir(tmp_path)


def _batches(level, count=20):
  batch = np.full([count, 2, 2, 1], level, np.uint8)
  return {'originals': batch, 'reconstructions': batch + 1, 'codes': batch}


def test_what_is_kept_of_a_batch(workdir):
  assert snapshots.read(workdir) == []
  for step in (1000, 8):
    snapshots.write(workdir, step, _batches(step % 100))
  # Once more: another one in its place.
  snapshots.write(workdir, 8, _batches(9))
  first, second = snapshots.read(workdir)
  assert (first.step, second.step) == (8, 1000)
  assert first.originals.shape == (16, 2, 2, 1)
  assert first.originals.dtype == np.uint8
  assert np.all(first.originals == 9) and np.all(first.reconstructions == 10)
  assert sorted(
    path.name for path in (workdir.path / 'snapshots').iterdir()
  ) == [
    '00000008.npz',
    '00001000.npz',
  ]


def test_other_batches_are_no_snapshot(workdir):
  snapshots.write(workdir, 1, {'samples': _batches(0)['originals']})
  assert list(workdir.path.iterdir()) == []


def test_a_damaged_file_is_named(workdir):
  for step in (1, 2, 4):
    snapshots.write(workdir, step, _batches(step))
  path = workdir.path / 'snapshots' / '00000002.npz'
  path.write_bytes(path.read_bytes()[:100])
  match = 'the snapshot .*/00000002.npz is damaged .*: remove it$'
  with pytest.raises(UserError, match=match):
    snapshots.read(workdir)


def test_a_run_that_goes_on(workdir):
  snapshots.cut_back(workdir, 0)
  for step in (1, 2, 4):
    snapshots.write(workdir, step, _batches(step))
  snapshots.cut_back(workdir, 2)
  assert [snapshot.step for snapshot in snapshots.read(workdir)] == [1, 2]


def test_powers_of_two():
  steps = [snapshots.next_step(step) for step in (0, 1, 2, 3, 4, 1000, 1024)]
  assert steps == [1, 2, 4, 4, 8, 1024, 2048]
