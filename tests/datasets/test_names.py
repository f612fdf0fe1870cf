import subprocess
import sys

import pytest

from vqvae_tf import datasets
from vqvae_tf.datasets import names


def test_known_names_pass():
  for name in datasets.NAMES:
    for split in datasets.SPLITS:
      names.check(name, split)


def test_unknown_name_suggests_the_nearest():
  with pytest.raises(ValueError, match="'fashion-mnist'; did you mean 'fashio"):
    names.check('fashion-mnist', 'train')
  with pytest.raises(ValueError, match="unknown split 'valid'; did you mean "):
    names.check('mnist', 'valid')


def test_far_name_suggests_nothing_but_lists_all():
  with pytest.raises(ValueError, match="'xyz'; known: digits, mnist, .*folder"):
    names.check('xyz', 'train')


def test_names_load_no_tensorflow():
  program = (
    'import sys; from vqvae_tf.datasets import NAMES, SPLITS, names; '
    "assert 'tensorflow' not in sys.modules, 'loaded'"
  )
  subprocess.run([sys.executable, '-c', program], check=True)


def test_the_door_opens_late_and_knows_no_other_name():
  assert callable(datasets.open_source)
  for name in datasets.__all__:
    assert getattr(datasets, name) is not None
  with pytest.raises(AttributeError, match="no attribute 'mnist'"):
    _ = datasets.mnist
