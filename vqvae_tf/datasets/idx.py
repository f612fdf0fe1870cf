"""IDX files, the original format of MNIST and Fashion-MNIST."""

import gzip
import pathlib
import struct
import zlib

import numpy as np

from vqvae_tf.datasets.source import Arrays
from vqvae_tf.errors import UserError

_STEMS = {'train': 'train', 'test': 't10k'}
_IMAGES_MAGIC = 2051
_LABELS_MAGIC = 2049
_SIDE = 28
_NUM_CLASSES = 10
# The largest relative of MNIST has 814,255; a gigabyte is none.
_MAX_ITEMS = 1_000_000


def names(part: str) -> tuple[str, str]:
  """The names looked for, of the image file and of the label file."""
  stem = _STEMS[part]
  return f'{stem}-images-idx3-ubyte[.gz]', f'{stem}-labels-idx1-ubyte[.gz]'


def find(
  folder: pathlib.Path, part: str
) -> tuple[pathlib.Path, pathlib.Path] | None:
  """Looks for the two files of the published training or test data.

  Args:
    folder: where they lie.
    part: 'train' or 'test'.

  Returns:
    Image file and label file, or None if neither is there.

  Raises:
    UserError: only one of the two is there.
  """
  stem = _STEMS[part]
  found = [
    _first(folder, f'{stem}-images', 'idx3-ubyte'),
    _first(folder, f'{stem}-labels', 'idx1-ubyte'),
  ]
  missing = [
    name for name, path in zip(names(part), found, strict=True) if not path
  ]
  if len(missing) == 2:
    return None
  if missing:
    raise UserError(f'{folder} lacks {missing[0]}')
  return tuple(found)


def read(images_path: pathlib.Path, labels_path: pathlib.Path) -> Arrays:
  """Reads images and labels, checking every byte count.

  Args:
    images_path: file of n images of 28x28 pixels, plain or gzip.
    labels_path: file of n labels in 0..9, plain or gzip.

  Returns:
    Images uint8 [n, 28, 28, 1] and labels int32 [n].

  Raises:
    UserError: a file is damaged, truncated, of another kind or of another
      size than its header says, or the two files do not belong together.

  References:
    Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits.
  """
  images = _read_items(images_path, _IMAGES_MAGIC, (_SIDE, _SIDE))
  labels = _read_items(labels_path, _LABELS_MAGIC, ())
  if len(images) != len(labels):
    raise UserError(
      f'{labels_path} holds {len(labels)} labels for the {len(images)} images '
      f'of {images_path}'
    )
  if labels.max(initial=0) >= _NUM_CLASSES:
    raise UserError(
      f'{labels_path} holds the label {labels.max()}, expected 0 to '
      f'{_NUM_CLASSES - 1}'
    )
  return Arrays(images[..., None], labels.astype(np.int32))


def _first(folder, stem, suffix):
  # Some mirrors write a full stop where the original has a hyphen.
  for separator in '-.':
    for ending in ('', '.gz'):
      path = folder / f'{stem}{separator}{suffix}{ending}'
      if path.is_file():
        return path
  return None


def _read_items(path, magic, item_shape):
  open_file = gzip.open if path.suffix == '.gz' else open
  try:
    with open_file(path, 'rb') as file:
      count = _read_header(path, file, magic, item_shape)
      items = _read_exactly(path, file, count, item_shape)
  except (EOFError, zlib.error, gzip.BadGzipFile) as error:
    raise UserError(f'{path} is damaged or truncated: {error}') from error
  return np.frombuffer(items, np.uint8).reshape((count, *item_shape))


def _header(item_shape):
  return struct.Struct(f'>{2 + len(item_shape)}I')


def _read_header(path, file, magic, item_shape):
  """Returns how many items there are to follow."""
  header = _header(item_shape)
  data = file.read(header.size)
  if len(data) < header.size:
    raise UserError(
      f'{path} is truncated: {len(data)} bytes, its header alone has '
      f'{header.size}'
    )
  found_magic, count, *found_shape = header.unpack(data)
  if found_magic != magic:
    raise UserError(
      f'{path} is no such IDX file: it starts with {found_magic}, expected '
      f'{magic}'
    )
  if tuple(found_shape) != item_shape:
    raise UserError(
      f'{path} holds images of {"x".join(map(str, found_shape))} pixels, '
      f'expected {"x".join(map(str, item_shape))}'
    )
  if count > _MAX_ITEMS:
    raise UserError(
      f'{path} is to hold {count} items, at most {_MAX_ITEMS} are read'
    )
  return count


def _read_exactly(path, file, count, item_shape):
  """Returns the bytes of the items; a file may unpack to far more than that."""
  size = count * int(np.prod(item_shape, dtype=np.int64))
  # One byte more reaches the end, where gzip has its checksum.
  data = file.read(size + 1)
  if len(data) != size:
    before = _header(item_shape).size
    state = (
      f'truncated: {before + len(data)} bytes'
      if len(data) < size
      else f'too long: more than {before + size} bytes'
    )
    raise UserError(
      f'{path} is {state}, expected {before + size} for {count} items'
    )
  return data
