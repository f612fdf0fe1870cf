import json
import shutil

import pytest

from vqvae_tf import configs
from vqvae_tf.datasets.digits import read
from vqvae_tf.datasets.source import ArraySource
from vqvae_tf.errors import UserError
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.training import examples


# TensorFlow notes that tf.data stays compiled when a test runs eagerly.
@pytest.mark.filterwarnings('ignore:Even though the:UserWarning')
@pytest.mark.usefixtures('eagerly')
def test_a_run_goes_on_with_its_own_data_alone(
  tmp_path, trained, tiny_config, digits
):
  workdir = Workdir(shutil.copytree(trained.path, tmp_path / 'run'))
  record = workdir.path / 'data.json'
  before = record.read_text()
  classes = digits['train'].class_names
  other = ArraySource('digits', 'train', read('validation'), classes)
  config = configs.replace(tiny_config, steps=5)
  settings = config, workdir, other, digits['validation']
  with pytest.raises(UserError, match='had 1439 .* digits now has 179 '):
    examples.train(*settings)
  assert record.read_text() == before
  assert examples.train(*settings, allow_other_data=True).step == 5
  assert json.loads(record.read_text())['parts']['train']['count'] == 179


@pytest.mark.filterwarnings('ignore:Even though the:UserWarning')
@pytest.mark.usefixtures('eagerly')
def test_a_run_of_an_early_version_gets_its_record(
  tmp_path, trained, tiny_config, digits
):
  workdir = Workdir(shutil.copytree(trained.path, tmp_path / 'run'))
  (workdir.path / 'data.json').unlink()
  # It has its 4 steps already.
  examples.train(tiny_config, workdir, digits['train'], digits['validation'])
  record = json.loads((workdir.path / 'data.json').read_text())
  counts = {part: of['count'] for part, of in record['parts'].items()}
  assert counts == {'train': 1439, 'validation': 179}
