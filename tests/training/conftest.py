"""What tests of runs share."""

import pytest

from vqvae_tf import configs
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.training import examples


@pytest.fixture
def train(tmp_path, tiny_config, digits):
  """Trains in a folder below tmp_path, with some settings changed."""

  def run(name='run', **changes):
    workdir = Workdir(tmp_path / name)
    config = configs.replace(tiny_config, **changes)
    examples.train(config, workdir, digits['train'], digits['validation'])
    return workdir

  return run
