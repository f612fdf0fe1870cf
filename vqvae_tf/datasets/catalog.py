"""From the name of a data set to its examples."""

import functools
import os
import pathlib
import sys
import types
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from vqvae_tf.datasets import (
  audio_folder,
  cifar,
  digits,
  idx,
  names,
  pipeline,
  splits,
  tfds,
  tfds_images,
)
from vqvae_tf.datasets.image_folder import ImageFolder
from vqvae_tf.datasets.source import (
  Arrays,
  ArraySource,
  Source,
  identity_of_arrays,
)
from vqvae_tf.errors import UserError

_BINARY_THRESHOLD = 128
_LOAD_BATCH = 64


class _Published(NamedTuple):
  """A data set published as training and test files."""

  tfds_name: str
  format: types.ModuleType  # with `names`, `find` and `read`
  class_names: tuple[str, ...]
  labels_crc32: dict[str, int]
  # `Identity.digest` of the files with the published MD5.
  digests: dict[str, str]


_MNIST = _Published(
  'mnist',
  idx,
  digits.CLASS_NAMES,
  {'train': 3121080559, 'test': 4001760473},
  {
    'train': '8b806e3d4817387b1e9b2b89968065bd',
    'test': '6f62c6dd08108b26cded5566edda5106',
  },
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
    {
      'train': '74767b183f9cfe146e5757f4d08a2bd0',
      'test': 'c5df88a5164fbba16f724dd05ee633f3',
    },
  ),
  'cifar10': _Published(
    'cifar10',
    cifar,
    cifar.CLASS_NAMES,
    {'train': 1323740258, 'test': 3134871753},
    {
      'train': 'bfb4bdc3244a8ada147aab111b8f0894',
      'test': '74f2f481c9b5e56686b3f7076abc466d',
    },
  ),
}


def open_source(
  name: str,
  split: str,
  data_dir: str | os.PathLike | None = None,
  image_size: int | None = None,
  parts: str = '',
  *,
  sample_rate: int = 0,
  length: int = 0,
) -> Source:
  """Opens one split of a data set for access by index.

  Validation examples are the last 5,000 of the published training data; where
  no parts were published a tenth each is for validation and for test.

  Args:
    name: one of `NAMES`, or 'tfds:NAME[/CONFIG]' for any set of images that
      tensorflow-datasets knows or has prepared: see `tfds_images`.
    split: one of `SPLITS`.
    data_dir: folder of the original files, or of prepared tensorflow-datasets,
      which are looked for or downloaded by default.
    image_size: side in pixels, >= 1, for image folders and tensorflow-datasets.
    parts: for the latter, what stands for each split: see `names.parts`.
    sample_rate: Hz, of sounds; 0: that of the set.
    length: samples of an example, of sounds.

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
  if names.tfds_name(name):
    where = folder or tfds.default_dir()
    return tfds_images.open_images(name, split, where, image_size, parts)
  if name in names.SOUNDS:
    return _open_sounds(name, split, folder, sample_rate, length)
  if image_size is not None:
    raise ValueError(
      'image_size is for image_folder and sets of tensorflow-datasets; the '
      f'images of {name} have their own'
    )
  if name == 'digits':
    return ArraySource(name, split, digits.read(split), digits.CLASS_NAMES)
  return _open_published(name, split, folder)


def load(
  name: str,
  split: str,
  data_dir: str | os.PathLike | None = None,
  image_size: int | None = None,
  parts: str = '',
) -> tf.data.Dataset:
  """One split of a data set, example by example in a fixed order.

  Args:
    name: as in `open_source`, and so are the others.
    split: one of `SPLITS`.
    data_dir: where it lies.
    image_size: side in pixels.
    parts: what stands for each split.

  Returns:
    Dataset of (image uint8 [H, W, C], label int32 []).

  Raises:
    ValueError: an unknown name or split, or an argument that does not fit.
    UserError: the data is not to be had, damaged or empty.
  """
  source = open_source(name, split, data_dir, image_size, parts)
  return pipeline.in_order(source, _LOAD_BATCH).unbatch()


def _open_sounds(name, split, folder, sample_rate, length):
  if folder is None:
    raise ValueError(f'{name} needs the folder of sounds (--data_dir)')
  is_folder = name == 'audio_folder'
  open_split = (
    audio_folder.open_folder if is_folder else audio_folder.open_spoken_digits
  )
  return open_split(split, folder, sample_rate, length)


def _open_folder(split, folder, image_size):
  if folder is None:
    raise ValueError('image_folder needs the folder of images (--data_dir)')
  if image_size is None or image_size < 1:
    raise ValueError(
      'image_folder needs the side of its images in pixels (--image_size), '
      f'got {image_size}'
    )
  return ImageFolder(split, folder, image_size)


def _open_published(name, split, folder):
  published = _PUBLISHED[name]
  part = 'test' if split == 'test' else 'train'
  store = folder or tfds.default_dir()
  whole = _read(name, published, part, store)
  identity = identity_of_arrays(part, whole)
  wanted = published.digests[part]
  if identity.digest != wanted:
    _note(
      f'note: the {part} data of {name} in {store} is not as it was published: '
      f'{identity.count} examples, digest {identity.digest[:8]}, expected '
      f'{wanted[:8]}'
    )
  part = _split(whole, split)
  if name == 'mnist_binarized':
    part = part._replace(images=_binarized(part.images))
  if not len(part.images):
    raise UserError(f'no examples for the {split} split of {name} in {store}')
  return ArraySource(name, split, part, published.class_names, identity)


@functools.cache
def _note(text):
  """Says something once, though it is noticed for each split."""
  print(text, file=sys.stderr)


def _read(name, published, part, store) -> Arrays:
  """A published part, from wherever it is to be had."""
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
