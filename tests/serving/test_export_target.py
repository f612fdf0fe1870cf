"""Where an export goes: whole, or not at all."""

import math
import shutil
from pathlib import Path

import pytest
import tensorflow as tf

from vqvae_tf.errors import UserError
from vqvae_tf.metrics.measure import Metrics
from vqvae_tf.metrics.table import table
from vqvae_tf.runs import results
from vqvae_tf.runs.run import Run
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.serving import saved_model
from vqvae_tf.serving.load import read_metadata


def test_is_not_replaced_unasked(trained, tmp_path):
  (tmp_path / 'model').mkdir()
  with pytest.raises(UserError, match='model exists already: .*--overwrite'):
    saved_model.export(Run(trained), tmp_path / 'model')


@pytest.mark.parametrize('kind', ['folder', 'file'])
def test_is_not_replaced_if_no_saved_model(trained, tmp_path, kind):
  target = tmp_path / 'precious'
  if kind == 'folder':
    target.mkdir()
    (target / 'thesis.tex').write_text('years')
  else:
    target.write_text('years')
  with pytest.raises(UserError, match='precious is no SavedModel, so it is'):
    saved_model.export(Run(trained), target, overwrite=True)
  assert target.exists() and kind == 'file' or (target / 'thesis.tex').exists()


def test_is_replaced_when_asked(trained, exported, tmp_path):
  copy = shutil.copytree(exported, tmp_path / 'model')
  (copy / 'assets' / 'metadata.json').unlink()
  (copy / 'extra').touch()
  workdir = Workdir(shutil.copytree(trained.path, tmp_path / 'run'))
  measured = Metrics(179, *9 * [1.5])._replace(psnr_db=math.inf)
  files = {'png': 4.0}
  path = workdir.path / 'metrics.json'
  results.write(path, 'test', measured, files)
  other = {'model': 'another checkpoint'}
  results.write(path, 'train', measured, fingerprints=other)
  assert saved_model.export(Run(workdir), copy, overwrite=True) == copy
  assert not (copy / 'extra').exists()
  assert read_metadata(copy)['metrics'] == {
    'test': measured._replace(psnr_db=None)._asdict() | {'files': files}
  }
  text = (copy / 'assets.extra' / 'README.md').read_text()
  assert table(measured, files) in text
  assert sorted(path.name for path in tmp_path.iterdir()) == ['model', 'run']


@pytest.mark.parametrize(
  'error',
  [
    tf.errors.ResourceExhaustedError(None, None, 'no space left'),
    OSError('no space left'),
  ],
)
def test_appears_whole_or_not_at_all(
  trained, exported, tmp_path, monkeypatch, error
):

  def failing_save(served, path, signatures):
    (tmp_path / path).mkdir()
    (tmp_path / path / 'saved_model.pb').write_bytes(b'half')
    raise error

  copy = shutil.copytree(exported, tmp_path / 'old')
  monkeypatch.setattr(tf.saved_model, 'save', failing_save)
  for target, overwrite in ((tmp_path / 'new', False), (copy, True)):
    with pytest.raises(OSError, match='no space left'):
      saved_model.export(Run(trained), target, overwrite)
  assert [path.name for path in tmp_path.iterdir()] == ['old']
  for path in filter(Path.is_file, exported.rglob('*')):
    other = copy / path.relative_to(exported)
    assert other.read_bytes() == path.read_bytes()


def test_is_not_made_without_a_checkpoint(trained, tmp_path):
  workdir = Workdir(tmp_path / 'run')
  workdir.save_config(trained.load_config())
  with pytest.raises(UserError, match='run has no checkpoint yet'):
    saved_model.export(Run(workdir), tmp_path / 'model')
  assert not (tmp_path / 'model').exists()
