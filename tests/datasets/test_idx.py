import gzip
import struct
import tracemalloc

import numpy as np
import pytest

from vqvae_tf.datasets import idx
from vqvae_tf.errors import UserError


@pytest.mark.parametrize('compress', [False, True])
@pytest.mark.parametrize('separator', ['-', '.'])
@pytest.mark.parametrize('part', ['train', 'test'])
def test_reads_what_was_written(
  tmp_path, idx_writer, idx_examples, compress, separator, part
):
  images, labels = idx_examples
  written = idx_writer(tmp_path, part, images, labels, compress, separator)
  found = idx.find(tmp_path, part)
  assert list(found) == written
  arrays = idx.read(*found)
  np.testing.assert_array_equal(arrays.images, images[..., None])
  np.testing.assert_array_equal(arrays.labels, labels)
  assert arrays.images.dtype == np.uint8 and arrays.labels.dtype == np.int32


def test_finds_nothing_in_an_empty_or_missing_folder(tmp_path):
  assert idx.find(tmp_path, 'train') is None
  assert idx.find(tmp_path / 'nowhere', 'test') is None


def test_one_file_alone_is_refused(tmp_path, idx_writer, idx_examples):
  _, labels_path = idx_writer(tmp_path, 'train', *idx_examples)
  labels_path.unlink()
  with pytest.raises(UserError, match=r'lacks train-labels-idx1-ubyte\[.gz\]'):
    idx.find(tmp_path, 'train')


# 16 + 40 * 784 = 31,376 bytes in the image file, 8 + 40 = 48 in the other.
@pytest.mark.parametrize(
  'which, change, message',
  [
    (0, lambda d: d[:-1], 'truncated: 31375 bytes, expected 31376 for 40'),
    (0, lambda d: d + b'!', 'too long: more than 31376 bytes, expected'),
    (0, lambda d: d[:10], 'truncated: 10 bytes, its header alone has 16'),
    (0, lambda d: b'', 'truncated: 0 bytes'),
    (0, lambda d: d[:8] + struct.pack('>2I', 56, 14) + d[16:], '56x14 pixels'),
    (0, lambda d: b'\x89PNG' + d[4:], 'starts with 2303741511, expected 2051'),
    (
      0,
      lambda d: d[:4] + b'\xff' * 4 + d[8:],
      'is to hold 4294967295 items, at most',
    ),
    (1, lambda d: d[:3] + b'\x03' + d[4:], 'starts with 2051, expected 2049'),
    (1, lambda d: d[:-2], 'truncated: 46 bytes, expected 48'),
    (1, lambda d: d[:-1] + b'\x0a', 'label 10, expected 0 to 9'),
  ],
)
@pytest.mark.parametrize('compress', [False, True])
def test_wrong_contents_are_refused_by_name(
  tmp_path, idx_writer, idx_examples, which, change, message, compress
):
  paths = idx_writer(tmp_path, 'train', *idx_examples, compress)
  data = paths[which].read_bytes()
  data = change(gzip.decompress(data) if compress else data)
  paths[which].write_bytes(gzip.compress(data) if compress else data)
  with pytest.raises(UserError, match=f'{paths[which].name} .*{message}'):
    idx.read(*paths)


def test_counts_that_differ_are_refused(tmp_path, idx_writer, idx_examples):
  images, labels = idx_examples
  paths = idx_writer(tmp_path, 'train', images, labels[:-1])
  with pytest.raises(UserError, match='labels.*39 labels for the 40 images'):
    idx.read(*paths)


@pytest.mark.parametrize(
  'damage',
  [
    lambda d: d[: len(d) // 2],
    lambda d: d[:-6],
    lambda d: d[:-8] + b'\0\0\0\0' + d[-4:],
    lambda d: d[:100] + bytes(200) + d[300:],
    lambda d: b'plain' + d,
  ],
)
def test_damaged_gzip_is_refused(tmp_path, idx_writer, idx_examples, damage):
  paths = idx_writer(tmp_path, 'test', *idx_examples, compress=True)
  paths[0].write_bytes(damage(paths[0].read_bytes()))
  with pytest.raises(UserError, match='t10k-images.*damaged or truncated'):
    idx.read(*paths)


def test_a_file_that_unpacks_to_gigabytes_is_not_unpacked(
  tmp_path, idx_writer, idx_examples
):
  paths = idx_writer(tmp_path, 'train', *idx_examples, compress=True)
  # A member that is packed once counts as often as it follows another.
  member = gzip.compress(bytes(2**24))
  with paths[0].open('ab') as file:
    for _ in range(256):
      file.write(member)
  assert paths[0].stat().st_size < 2**23
  tracemalloc.start()
  try:
    with pytest.raises(UserError, match='too long: more than 31376 bytes'):
      idx.read(*paths)
    _, peak = tracemalloc.get_traced_memory()
  finally:
    tracemalloc.stop()
  # Of the 4 GB.
  assert peak < 2**21
