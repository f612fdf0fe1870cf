"""metrics.json: whole, of all splits, and of the checkpoint at hand."""

import json
import math
import shutil

import pytest

from vqvae_tf.errors import UserError
from vqvae_tf.metrics.measure import Metrics
from vqvae_tf.runs import results
from vqvae_tf.runs.run import Run
from vqvae_tf.runs.workdir import Workdir


def _result(**changes):
  values = dict.fromkeys(Metrics._fields, 1.0) | {'num_sampled': 0}
  return Metrics(**values | changes)


def test_metrics_keep_the_other_splits(tmp_path):
  path = tmp_path / 'run' / 'metrics.json'
  results.write(path, 'validation', _result(mse=2.0))
  results.write(path, 'test', _result(mse=3.0))
  results.write(path, 'test', _result(mse=4.0))
  known = results.read(path)
  assert known['validation'] == _result(mse=2.0)._asdict()
  assert known['test'] == _result(mse=4.0)._asdict()
  files = {'png': 3.0}
  results.write(path, 'test', _result(), files)
  known = results.read(path)
  assert list(known) == ['validation', 'test']
  assert known['test'] == _result()._asdict() | {'files': files}
  assert [entry.name for entry in path.parent.iterdir()] == ['metrics.json']


def test_a_perfect_psnr_is_null(tmp_path):
  path = tmp_path / 'metrics.json'
  results.write(path, 'test', _result(psnr_db=math.inf))
  # JSON has no word for infinity.
  assert (
    json.loads(path.read_text(), parse_constant=pytest.fail)['test']['psnr_db']
    is None
  )


@pytest.mark.parametrize(
  'text', ['{"test": ', '7', '{"test": 7}', '{"test": {"mse": 1}}']
)
def test_damaged_metrics_are_named(tmp_path, text):
  path = tmp_path / 'metrics.json'
  path.write_text(text)
  with pytest.raises(UserError, match='metrics.json is damaged .*: remove it'):
    results.write(path, 'test', _result())
  assert path.read_text() == text


def test_metrics_on_a_full_disk(tmp_path):
  path = tmp_path / 'metrics.json'
  (tmp_path / '.metrics.json.partial').symlink_to('/dev/full')
  with pytest.raises(OSError, match='cannot write .*metrics.json: .*No space'):
    results.write(path, 'test', _result())
  assert list(tmp_path.iterdir()) == []


@pytest.fixture
def run(with_prior, tmp_path):
  """A run with a prior, whose test split was measured."""
  copy = shutil.copytree(with_prior.path, tmp_path / 'run')
  workdir = Workdir(copy)
  now = Run(workdir).fingerprints
  _add(workdir, 'test', now)
  return workdir


def _add(workdir, split, fingerprints):
  path = workdir.path / 'metrics.json'
  results.write(path, split, _result(), {'png': 3.0}, fingerprints)


def test_figures_of_the_checkpoint_at_hand(run):
  # An earlier version did not say of which they are.
  _add(run, 'train', None)
  current, stale = results.of_best(Run(run))
  assert list(current) == ['test', 'train'] and not stale
  assert results.parsed(current['test']) == (_result(), {'png': 3.0})


@pytest.mark.parametrize('kind', ['model', 'prior'])
def test_figures_of_another_checkpoint(run, kind):
  now = Run(run).fingerprints
  assert set(now) == {'model', 'prior'}
  _add(run, 'train', now | {kind: 'other'})
  current, stale = results.of_best(Run(run))
  assert list(current) == ['test'] and stale == ['train']


def test_figures_of_before_there_was_a_prior(run):
  now = Run(run).fingerprints
  _add(run, 'train', {'model': now['model']})
  assert results.of_best(Run(run))[1] == []
  shutil.rmtree(run.path / 'prior')
  assert results.of_best(Run(run))[1] == ['test']


def test_where_nothing_can_be_written(tmp_path):
  (tmp_path / 'file').touch()
  path = tmp_path / 'file' / 'metrics.json'
  with pytest.raises(OSError, match='cannot write .*file/metrics.json: '):
    results.check_writable(path)
  path = tmp_path / 'folder' / 'metrics.json'
  results.check_writable(path)
  assert list(path.parent.iterdir()) == []
