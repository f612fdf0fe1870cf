"""The binary version of CIFAR-10."""

import pathlib

import numpy as np

from vqvae_tf.datasets.source import Arrays
from vqvae_tf.errors import UserError

CLASS_NAMES = (
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
)

_FILES = {
  'train': tuple(f'data_batch_{i}.bin' for i in range(1, 6)),
  'test': ('test_batch.bin',),
}
_SUBFOLDER = 'cifar-10-batches-bin'
_RECORDS = 10_000
_RECORD_BYTES = 1 + 3 * 32 * 32


def names(part: str) -> tuple[str, ...]:
  """The names of the files looked for."""
  return _FILES[part]


def find(folder: pathlib.Path, part: str) -> tuple[pathlib.Path, ...] | None:
  """Looks for the files of the published training or test data.

  Args:
    folder: where they lie, or the folder above `cifar-10-batches-bin`.
    part: 'train' or 'test'.

  Returns:
    The files in their order, or None if none is there.

  Raises:
    UserError: some are there and some are not.
  """
  for place in (folder, folder / _SUBFOLDER):
    paths = tuple(place / name for name in _FILES[part])
    missing = [path.name for path in paths if not path.is_file()]
    if not missing:
      return paths
    if len(missing) < len(paths):
      raise UserError(f'{place} lacks {", ".join(missing)}')
  return None


def read(*paths: pathlib.Path) -> Arrays:
  """Reads binary files of 10,000 records each.

  Args:
    *paths: files of 3,073-byte records: a label, then the red, the green and
      the blue 32x32 plane.

  Returns:
    Images uint8 [n, 32, 32, 3] and labels int32 [n].

  Raises:
    UserError: a file has another size, or a label above 9.

  References:
    A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
  """
  images = np.empty((len(paths), _RECORDS, 32, 32, 3), np.uint8)
  labels = np.empty((len(paths), _RECORDS), np.int32)
  for i, path in enumerate(paths):
    records = _read_records(path)
    labels[i] = records[:, 0]
    planes = records[:, 1:].reshape(_RECORDS, 3, 32, 32)
    images[i] = planes.transpose(0, 2, 3, 1)
  return Arrays(images.reshape(-1, 32, 32, 3), labels.reshape(-1))


def _read_records(path):
  expected = _RECORDS * _RECORD_BYTES
  size = path.stat().st_size
  if size != expected:
    raise UserError(
      f'{path} has {size} bytes, expected {expected} ({_RECORDS} records of '
      f'{_RECORD_BYTES} bytes)'
    )
  records = np.fromfile(path, np.uint8).reshape(_RECORDS, _RECORD_BYTES)
  largest = records[:, 0].max()
  if largest >= len(CLASS_NAMES):
    raise UserError(
      f'{path} holds the label {largest}, expected 0 to {len(CLASS_NAMES) - 1}'
    )
  return records
