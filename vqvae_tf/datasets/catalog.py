"""From the name of a data set to its examples."""

import os
import pathlib
import types
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from vqvae_tf.datasets import cifar, digits, idx, names, pipeline, splits, tfds
from vqvae_tf.datasets.image_folder import ImageFolder
from vqvae_tf.datasets.source import Arrays, ArraySource, Source
from vqvae_tf.errors import UserError

_BINARY_THRESHOLD = 128
_LOAD_BATCH = 64


class _Published(NamedTuple):
  """A data set published as training and test files."""

  tfds_name: str
  format: types.ModuleType  # with `names`, `find` and `read`
  class_names: tuple[str, ...]
  labels_crc32: dict[str, int]


_MNIST = _Published(
  'mnist',
  idx,
  digits.CLASS_NAMES,
  {'train': 3121080559, 'test': 4001760473},
)

_PUBLISHED = {
  'mnist': _MNIST,
  'mnist_binarized': _MNIST,
  'fashion_mnist': _Published(
    'fashion_mnist',
    idx,
    (
      'T-shirt/top',
      'Trouser',
      'Pullover',
      'Dress',
      'Coat',
      'Sandal',
      'Shirt',
      'Sneaker',
      'Bag',
      'Ankle boot',
    ),
    {'train': 785835114, 'test': 606848831},
  ),
  'cifar10': _Published(
    'cifar10',
    cifar,
    cifar.CLASS_NAMES,
    {'train': 1323740258, 'test': 3134871753},
  ),
}


def open_source(
  name: str,
  split: str,
  data_dir: str | os.PathLike | None = None,
  image_size: int | None = None,
) -> Source:
  """Opens one split of a data set for access by index.

  Validation examples are the last 5,000 of the published training data, which
  'train' leaves out; `digits` gives every tenth example to validation and every
  tenth to test, a folder without such parts a tenth each, by the names of its
  files.

  Args:
    name: one of `NAMES`.
    split: one of `SPLITS`.
    data_dir: folder with the original files or with prepared
      tensorflow-datasets; for `image_folder` the folder of images. `digits`
      needs none. By default prepared or downloaded tensorflow-datasets.
    image_size: side in pixels, >= 1; for `image_folder` only, and needed there.

  Returns:
    A `Source` of uint8 images and int32 labels.

  Raises:
    ValueError: an unknown name or split, or an argument that does not fit.
    UserError: the data is not to be had, damaged or empty.
  """
  names.check(name, split)
  folder = pathlib.Path(data_dir).expanduser() if data_dir else None
  if name == 'image_folder':
    return _open_folder(split, folder, image_size)
  if image_size is not None:
    raise ValueError(
      f'image_size is for image_folder; the images of {name} have their own'
    )
  if name == 'digits':
    return ArraySource(name, split, digits.read(split), digits.CLASS_NAMES)
  published = _PUBLISHED[name]
  arrays = _split(_read(name, published, split, folder), split)
  if name == 'mnist_binarized':
    arrays = arrays._replace(images=_binarized(arrays.images))
  if not len(arrays.images):
    raise UserError(f'no examples for the {split} split of {name} in {folder}')
  return ArraySource(name, split, arrays, published.class_names)


def load(
  name: str,
  split: str,
  data_dir: str | os.PathLike | None = None,
  image_size: int | None = None,
) -> tf.data.Dataset:
  """One split of a data set, example by example in a fixed order.

  Args:
    name: one of `NAMES`.
    split: one of `SPLITS`.
    data_dir: as in `open_source`.
    image_size: as in `open_source`.

  Returns:
    Dataset of (image uint8 [H, W, C], label int32 []).

  Raises:
    ValueError: an unknown name or split, or an argument that does not fit.
    UserError: the data is not to be had, damaged or empty.
  """
  source = open_source(name, split, data_dir, image_size)
  return pipeline.in_order(source, _LOAD_BATCH).unbatch()


def _open_folder(split, folder, image_size):
  if folder is None:
    raise ValueError('image_folder needs the folder of images (--data_dir)')
  if image_size is None or image_size < 1:
    raise ValueError(
      'image_folder needs the side of its images in pixels (--image_size), '
      f'got {image_size}'
    )
  return ImageFolder(split, folder, image_size)


def _read(name, published, split, folder) -> Arrays:
  """The published part that holds a split, from wherever it is to be had."""
  part = 'test' if split == 'test' else 'train'
  store = folder or tfds.default_dir()
  paths = published.format.find(store, part)
  if paths:
    return published.format.read(*paths)
  prepared = tfds.find(store, published.tfds_name)
  prepared = prepared or tfds.download(store, published.tfds_name)
  if prepared:
    return tfds.tfds_arrays(prepared, part, published.labels_crc32[part])
  wanted = ', '.join(published.format.names(part))
  raise UserError(
    f'no data for {name}: looked in {store} for {wanted} and for a prepared '
    f'{published.tfds_name} of tensorflow-datasets, and no network answers to '
    'download it; pass --data_dir=FOLDER with these files, or train with '
    '--dataset=digits, which needs none'
  )


def _split(arrays, split) -> Arrays:
  if split == 'test':
    return arrays
  part = splits.training_range(len(arrays.images), split)
  return Arrays(arrays.images[part], arrays.labels[part])


def _binarized(images):
  return np.where(images >= _BINARY_THRESHOLD, 255, 0).astype(np.uint8)
