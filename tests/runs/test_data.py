import json
import shutil

import numpy as np
import pytest
from PIL import Image

from vqvae_tf.datasets.image_folder import ImageFolder
from vqvae_tf.datasets.source import Arrays, ArraySource
from vqvae_tf.errors import UserError
from vqvae_tf.runs import data
from vqvae_tf.runs.workdir import Workdir


def _source(count=3, split='train', label=0, level=0):
  images = np.full([count, 2, 2, 1], level, np.uint8)
  labels = np.full(count, label, np.int32)
  return ArraySource('tiny', split, Arrays(images, labels))


@pytest.fixture
def workdir(tmp_path):
  """That of a run on 3 training and 2 validation examples."""
  workdir = Workdir(tmp_path / 'run')
  data.record(workdir, [_source(), _source(2, 'validation')])
  return workdir


@pytest.fixture
def folder(tmp_path):
  (tmp_path / 'images' / 'a').mkdir(parents=True)
  for number in range(40):
    path = tmp_path / 'images' / 'a' / f'{number}.png'
    Image.new('L', (2, 2)).save(path)
  return tmp_path / 'images'


def test_the_record_by_hand(workdir):
  parts = json.loads((workdir.path / 'data.json').read_text())['parts']
  counts = {part: of['count'] for part, of in parts.items()}
  assert counts == {'train': 3, 'validation': 2}
  assert parts['train']['digest'] == _source().identity.digest


def test_the_same_data_passes(workdir):
  data.check(workdir, _source())
  data.check(workdir, _source(2, 'validation'))


def test_a_test_split_of_its_own_passes(workdir):
  data.check(workdir, _source(5, 'test'))


@pytest.mark.parametrize(
  'changes', [{'count': 4}, {'label': 1}, {'level': 1}], ids=str
)
def test_other_data_is_refused(workdir, changes):
  other = _source(**changes)
  message = (
    rf'the data of .*run had 3 examples \(train, digest .*\), tiny now has '
    rf'{other.num_examples} \(train, digest {other.identity.digest[:8]}\): '
    'give the same with --data_dir, or go on knowingly with --allow_other_data'
  )
  with pytest.raises(UserError, match=message):
    data.check(workdir, other)


def test_no_split_of_a_changed_folder_passes(tmp_path, folder):
  workdir = Workdir(tmp_path / 'run')
  sources = [ImageFolder(s, folder, 2) for s in ('train', 'validation')]
  data.record(workdir, sources)
  data.check(workdir, ImageFolder('test', folder, 2))
  (folder / 'a' / '0.png').unlink()
  for split in ('train', 'validation', 'test'):
    with pytest.raises(UserError, match='had 40 .* image_folder now has 39'):
      data.check(workdir, ImageFolder(split, folder, 2))


def test_folders_for_the_splits_are_other_data(tmp_path, folder):
  workdir = Workdir(tmp_path / 'run')
  data.record(workdir, [ImageFolder('train', folder, 2)])
  other = tmp_path / 'other'
  for split in ('train', 'test'):
    shutil.copytree(folder, other / split)
  for split in ('train', 'test'):
    with pytest.raises(UserError, match=rf'had 40 .* now has 40 \({split}, '):
      data.check(workdir, ImageFolder(split, other, 2))


def test_runs_without_a_record(tmp_path, folder):
  workdir = Workdir(tmp_path / 'early')
  data.check(workdir, _source())
  with pytest.raises(UserError, match='early is of a version that split image'):
    data.check(workdir, ImageFolder('test', folder, 2))


@pytest.mark.parametrize(
  'text', ['', '{', '[]', '{}', '{"parts": 3}', '{"parts": {"train": 3}}']
)
def test_a_damaged_record_is_named(workdir, text):
  (workdir.path / 'data.json').write_text(text)
  with pytest.raises(UserError, match=r'run/data.json is damaged \(.*--allow_'):
    data.check(workdir, _source())
