"""Presets: folders, .zip files and hubs."""

import sys
import types
import zipfile

import numpy as np
import pytest

import vqvae_tf
from vqvae_tf.errors import UserError
from vqvae_tf.serving import presets

IMAGES = np.arange(2 * 64, dtype=np.uint8).reshape(2, 8, 8, 1)


@pytest.mark.parametrize('name', ['copy', 'copy.zip'])
@pytest.mark.parametrize('kind', ['run', 'export'])
def test_saved_and_loaded(name, kind, trained, exported, tmp_path):
  model = vqvae_tf.load(trained.path if kind == 'run' else exported)
  path = model.save_to_preset(tmp_path / name)
  again = vqvae_tf.load(path)
  np.testing.assert_array_equal(again.encode(IMAGES), model.encode(IMAGES))
  assert again.metrics == model.metrics
  with pytest.raises(UserError, match='exists already: name another place'):
    model.save_to_preset(path)
  assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_zip_file_of_the_folder_itself(exported, tmp_path):
  with zipfile.ZipFile(tmp_path / 'x.zip', 'w') as archive:
    for file in exported.rglob('*'):
      archive.write(file, f'model/{file.relative_to(exported)}')
  assert vqvae_tf.load(tmp_path / 'x.zip').config.data.dataset == 'digits'


def test_a_damaged_zip_file_is_named(tmp_path):
  path = tmp_path / 'x.zip'
  path.write_bytes(b'PK nothing')
  with pytest.raises(UserError, match='x.zip is no export in a .zip file'):
    vqvae_tf.load(path)
  with zipfile.ZipFile(path, 'w') as archive:
    archive.writestr('readme', 'nothing')
  with pytest.raises(UserError, match='no workdir: it has no config.json'):
    vqvae_tf.load(path)


def test_what_leads_out_of_a_zip_file_stays_in(tmp_path, monkeypatch):
  path = tmp_path / 'x.zip'
  with zipfile.ZipFile(path, 'w') as archive:
    archive.writestr('../../escaped', 'x')
  folder = presets.find(path)
  assert [f.name for f in folder.rglob('*') if f.is_file()] == ['escaped']


@pytest.mark.parametrize(
  'preset, library, function',
  [
    ('hf://user/model', 'huggingface_hub', 'snapshot_download'),
    ('kaggle://user/model/tensorflow2/x', 'kagglehub', 'model_download'),
  ],
)
def test_hubs(preset, library, function, exported, monkeypatch):
  monkeypatch.setitem(sys.modules, library, None)
  with pytest.raises(UserError, match=f'which is not installed.*{library}'):
    vqvae_tf.load(preset)

  def download(name):
    if preset.endswith(name):
      return str(exported)
    raise AssertionError(name)

  fake = types.SimpleNamespace(**{function: download})
  monkeypatch.setitem(sys.modules, library, fake)
  assert vqvae_tf.load(preset).config.data.dataset == 'digits'

  def fails(name):
    raise RuntimeError('no such\nrepository')

  setattr(fake, function, fails)
  with pytest.raises(UserError, match=f'cannot download {preset}: no such'):
    vqvae_tf.load(preset)
