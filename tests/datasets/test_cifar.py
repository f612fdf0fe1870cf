import numpy as np
import pytest

from vqvae_tf.datasets import cifar
from vqvae_tf.errors import UserError

_TRAIN = [f'data_batch_{i}.bin' for i in range(1, 6)]


def _record(label):
  # Row-major planes: red counts columns, green is 100, blue counts rows.
  columns = np.tile(np.arange(32, dtype=np.uint8), 32)
  planes = [columns, np.full(1024, 100, np.uint8), np.sort(columns)]
  return np.concatenate([[np.uint8(label)], *planes]).astype(np.uint8)


def test_reads_a_full_file(tmp_path):
  path = tmp_path / 'test_batch.bin'
  two = _record(9).tobytes() + _record(3).tobytes()
  path.write_bytes(two * 5_000)
  assert path.stat().st_size == 30_730_000
  assert cifar.find(tmp_path, 'test') == (path,)
  images, labels = cifar.read(path)
  assert images.shape == (10_000, 32, 32, 3) and images.dtype == np.uint8
  assert labels[:4].tolist() == [9, 3, 9, 3] and labels.dtype == np.int32
  assert images[9_999, 5, 7].tolist() == [7, 100, 5]


def test_training_files_follow_each_other(tmp_path, monkeypatch):
  monkeypatch.setattr(cifar, '_RECORDS', 2)
  folder = tmp_path / 'cifar-10-batches-bin'
  folder.mkdir()
  for i, name in enumerate(_TRAIN):
    records = np.stack([_record(i), _record(i + 5)])
    (folder / name).write_bytes(records.tobytes())
  paths = cifar.find(tmp_path, 'train')
  assert [path.name for path in paths] == _TRAIN
  images, labels = cifar.read(*paths)
  assert images.shape == (10, 32, 32, 3)
  assert labels.tolist() == [0, 5, 1, 6, 2, 7, 3, 8, 4, 9]


def test_missing_files(tmp_path):
  assert cifar.find(tmp_path, 'train') is None
  for name in _TRAIN[:3]:
    (tmp_path / name).touch()
  with pytest.raises(UserError, match='lacks data_batch_4.bin, data_batch_5'):
    cifar.find(tmp_path, 'train')


@pytest.mark.parametrize('size', [0, 30_729_999, 30_730_001])
def test_wrong_sizes_are_refused_by_name(tmp_path, size):
  path = tmp_path / 'test_batch.bin'
  with path.open('wb') as file:
    file.truncate(size)  # a hole: takes no room
  with pytest.raises(
    UserError, match=rf'test_batch.bin has {size} bytes, expected 30730000 \(10'
  ):
    cifar.read(path)


def test_a_label_above_nine_is_refused(tmp_path, monkeypatch):
  monkeypatch.setattr(cifar, '_RECORDS', 1)
  path = tmp_path / 'test_batch.bin'
  path.write_bytes(_record(10).tobytes())
  with pytest.raises(UserError, match='test_batch.bin holds the label 10'):
    cifar.read(path)
