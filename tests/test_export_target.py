"""Where an export goes: whole, or not at all."""

import math
import shutil
from pathlib import Path

import pytest
import tensorflow as tf

from vqvae_tf import (
  checkpoints,
  evaluation,
  export,
  metrics,
  metrics_file,
  subjects,
)
from vqvae_tf.errors import UserError


def test_is_not_replaced_unasked(trained, tmp_path):
  (tmp_path / 'model').mkdir()
  with pytest.raises(UserError, match='model exists already: .*--overwrite'):
    export.export(trained, tmp_path / 'model')


@pytest.mark.parametrize('kind', ['folder', 'file'])
def test_is_not_replaced_if_no_saved_model(trained, tmp_path, kind):
  target = tmp_path / 'precious'
  if kind == 'folder':
    target.mkdir()
    (target / 'thesis.tex').write_text('years')
  else:
    target.write_text('years')
  with pytest.raises(UserError, match='precious is no SavedModel, so it is'):
    export.export(trained, target, overwrite=True)
  assert target.exists() and kind == 'file' or (target / 'thesis.tex').exists()


def test_is_replaced_when_asked(trained, exported, tmp_path):
  copy = shutil.copytree(exported, tmp_path / 'model')
  (copy / 'assets' / 'metadata.json').unlink()
  (copy / 'extra').touch()
  workdir = checkpoints.Workdir(shutil.copytree(trained.path, tmp_path / 'run'))
  measured = metrics.Metrics(179, *9 * [1.5])._replace(psnr_db=math.inf)
  files = {'png': 4.0}
  path = workdir.path / 'metrics.json'
  metrics_file.write(path, 'test', measured, files)
  other = {'model': 'another checkpoint'}
  metrics_file.write(path, 'train', measured, fingerprints=other)
  assert export.export(workdir, copy, overwrite=True) == copy
  assert not (copy / 'extra').exists()
  assert subjects.read_metadata(copy)['metrics'] == {
    'test': measured._replace(psnr_db=None)._asdict() | {'files': files}
  }
  text = (copy / 'assets.extra' / 'README.md').read_text()
  assert evaluation.table(measured, files) in text
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
      export.export(trained, target, overwrite)
  assert [path.name for path in tmp_path.iterdir()] == ['old']
  for path in filter(Path.is_file, exported.rglob('*')):
    other = copy / path.relative_to(exported)
    assert other.read_bytes() == path.read_bytes()


def test_is_not_made_without_a_checkpoint(trained, tmp_path):
  workdir = checkpoints.Workdir(tmp_path / 'run')
  workdir.save_config(trained.load_config())
  with pytest.raises(UserError, match='run has no checkpoint yet'):
    export.export(workdir, tmp_path / 'model')
  assert not (tmp_path / 'model').exists()
