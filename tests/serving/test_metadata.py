"""What metadata.json may say, and what contradicts the signatures."""

import shutil

import pytest

from vqvae_tf import files
from vqvae_tf.errors import UserError
from vqvae_tf.serving import load, metadata


@pytest.fixture
def copied(exported, tmp_path):
  """An export without a manifest, so that its metadata alone speaks."""
  copy = shutil.copytree(exported, tmp_path / 'copy')
  (copy / 'assets.extra' / 'manifest.json').unlink()
  return copy


def _changed(copied, **changes):
  path = copied / metadata.PLACE
  files.write_json(path, files.read_json(path) | changes)


def _config(copied, **changes):
  path = copied / metadata.PLACE
  _changed(copied, config=files.read_json(path)['config'] | changes)


@pytest.mark.parametrize(
  'changes, match',
  [
    ({'codebook_sizes': []}, r'codebook_sizes are \(\), .* config \(16,\)'),
    ({'codebook_sizes': ['a']}, "a codebook size is 'a', not in "),
    ({'codebook_sizes': [0]}, 'a codebook size is 0, not in '),
    ({'codebook_sizes': [-5]}, 'a codebook size is -5, not in '),
    ({'codebook_sizes': [16.5]}, 'a codebook size is 16.5, not in '),
    ({'codebook_sizes': [True]}, 'a codebook size is True, not in '),
    ({'codebook_sizes': [10**12]}, 'a codebook size is 1000000000000, not in '),
    ({'codebook_sizes': [16, 16]}, r'sizes are \(16, 16\), .* \(16,\)'),
    ({'codebook_sizes': [17]}, r'sizes are \(17,\), those of its config \(16,'),
    ({'codebook_sizes': None}, 'codebook_sizes is missing or no list'),
    ({'class_names': ['0']}, 'class_names are not those of its config'),
    ({'class_names': 7}, 'class_names is missing or no list'),
    ({'last_step': '4'}, "last_step is '4', not in "),
    ({'last_step': -1}, 'last_step is -1, not in '),
    ({'metrics': []}, 'metrics is missing or no object'),
    ({'metrics': {'test': {'mse': 1}}}, 'missing 8 required positional'),
    ({'format': 'vqvae_tf 2'}, "its format is not 'vqvae_tf 1'"),
    ({'qrior': {}}, "'qrior' is unknown"),
    ({'prior': {'num_classes': 3}}, 'is given 3 classes, but the data has 10'),
    ({'prior': {}}, 'num_classes is None, not in '),
    ({'prior': {'num_classes': 0}}, 'a prior without metadata, or metadata '),
    ({'config': 7}, 'config is missing or no object'),
  ],
)
def test_what_cannot_be_is_told(copied, changes, match):
  _changed(copied, **changes)
  with pytest.raises(UserError, match=f'copy is damaged: .*{match}'):
    load.from_export(copied)


@pytest.mark.parametrize(
  'changes, match',
  [
    ({'image_shape': None}, 'it has no image_shape'),
    ({'image_shape': [8, 8, 3]}, r'takes \(8, 8, 1\), .* says \(8, 8, 3\)'),
    ({'image_shape': [8, 'a', 1]}, 'image_shape='),
    ({'image_shape': [8, [8], 1]}, 'image_shape='),
    ({'image_shape': [8, 10**12, 1]}, 'image_shape='),
    ({'class_names': ['a' * 10**7]}, 'class_names='),
    ({'class_names': [1, 2]}, 'class_names='),
    ({'run': {'steps': 0}}, '--steps=0 must be in'),
    ({'another': 1}, 'the configuration is damaged'),
  ],
)
def test_what_no_config_says_is_told(copied, changes, match):
  _config(copied, **changes)
  with pytest.raises(UserError, match=f'copy is damaged: .*{match}') as caught:
    load.from_export(copied)
  assert len(str(caught.value)) < 1_000


def test_brackets_without_end(copied):
  (copied / metadata.PLACE).write_text('[' * 5_000)
  with pytest.raises(UserError, match='copy is damaged: '):
    load.from_export(copied)


def test_a_grid_that_is_another_is_told(copied):
  config = files.read_json(copied / metadata.PLACE)['config']
  config['network']['num_halvings'] = 2
  _changed(copied, config=config)
  match = r'encode gives codes \(4, 4, 1\), its metadata says \(2, 2, 1\)'
  with pytest.raises(UserError, match=f'copy is damaged: .*{match}'):
    load.from_export(copied)


def test_an_early_export_is_loaded(copied):
  assert load.from_export(copied).codebook_sizes == (16,)
