"""Folders of image files, one folder per class."""

import os
import pathlib

import numpy as np
import tensorflow as tf
from PIL import Image

from vqvae_tf.datasets import splits
from vqvae_tf.datasets.source import Source
from vqvae_tf.errors import UserError
from vqvae_tf.media import decoding

_FOLDERS = {'validation': ('validation', 'val'), 'test': ('test',)}


class ImageFolder(Source):
  """RGB images of one size, decoded when they are asked for."""

  def __init__(
    self,
    split: str,
    folder: pathlib.Path,
    image_size: int,
    name: str = 'image_folder',
  ):
    """Lists the files; opens none.

    Args:
      split: 'train', 'validation' or 'test'.
      folder: holds class folders of image files, or `train`, `validation` (or
        `val`) and `test` with class folders in each. Without a validation
        folder every tenth training image is held out for it.
      image_size: side in pixels that images are cropped and resized to.
      name: the data set's name.

    Raises:
      UserError: the folder is missing, holds no class folders or no images, or
        a split has a class that the training images lack.
    """
    files, class_names = _list(pathlib.Path(folder), split)
    super().__init__(
      name, split, len(files), (image_size, image_size, 3), class_names
    )
    self._paths = [path for path, _ in files]
    with tf.device('CPU'):
      self._labels = tf.constant([label for _, label in files], tf.int32)

  def fetch(self, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    with tf.device('CPU'):
      # The gather comes first: it is the one that checks the range.
      labels = tf.gather(self._labels, indices)
      with tf.control_dependencies([labels]):
        images = tf.numpy_function(
          self._decode, [indices], tf.uint8, stateful=False
        )
      return tf.ensure_shape(images, [None, *self.example_shape]), labels

  def _decode(self, indices):
    images = np.empty((len(indices), *self.example_shape), np.uint8)
    for row, index in enumerate(indices):
      images[row] = decode(self._paths[index], self.example_shape[0])
    return images


def decode(path: str | os.PathLike, image_size: int) -> np.ndarray:
  """Reads an image file, crops its centre square and resizes it.

  Args:
    path: file that `media.decoding.decode` reads, as it does.
    image_size: side of the result in pixels, >= 1.

  Returns:
    uint8 [image_size, image_size, 3], red, green, blue.

  Raises:
    ValueError: the file is damaged or no image; the message names it.
  """
  image = Image.fromarray(decoding.decode(path))
  side = min(image.size)
  left, top = (image.width - side) // 2, (image.height - side) // 2
  # Pillow's filter widens when it shrinks an image, so nothing aliases.
  image = image.resize(
    (image_size, image_size),
    Image.Resampling.BICUBIC,
    box=(left, top, left + side, top + side),
  )
  return np.asarray(image)


def _list(folder, split):
  """Files with labels of a split, and the class names."""
  if not folder.is_dir():
    raise UserError(f'image_folder: no such folder: {folder}')
  if not _class_folders(folder / 'train'):
    files, class_names = _labelled(folder)
    chosen = splits.tenths(len(files), split)
    return _some([files[i] for i in chosen], folder, split), class_names
  files, class_names = _labelled(folder / 'train')
  if split == 'train' and not _split_folder(folder, 'validation'):
    files = [file for i, file in enumerate(files) if i % 10 != 8]
  elif split != 'train':
    place = _split_folder(folder, split)
    if place:
      files = _labelled(place, class_names)[0]
    elif split == 'validation':
      files = files[8::10]
    else:
      raise UserError(f'image_folder: {folder} has a train but no test folder')
  return _some(files, folder, split), class_names


def _labelled(folder, class_names=None):
  """Sorted (path, label) of all images; labels number the class folders."""
  classes = _class_folders(folder)
  if not classes:
    raise UserError(
      f'image_folder: {folder} holds no class folders; expected '
      f'{folder / "CLASS" / "IMAGE.png"}, or train, validation and test with '
      'such folders in each'
    )
  if class_names is None:
    class_names = tuple(entry.name for entry in classes)
  files = []
  for entry in classes:
    paths = _image_paths(entry)
    if paths and entry.name not in class_names:
      raise UserError(
        f'image_folder: {entry} is a class that the training images lack'
      )
    files += [(path, class_names.index(entry.name)) for path in paths]
  return files, class_names


def _some(files, folder, split):
  if files:
    return files
  raise UserError(
    f'image_folder: no images for the {split} split in the class folders of '
    f'{folder}; extensions read: {" ".join(decoding.EXTENSIONS)}'
  )


def _split_folder(folder, split):
  for name in _FOLDERS[split]:
    if (folder / name).is_dir():
      return folder / name
  return None


def _class_folders(folder):
  if not folder.is_dir():
    return []
  return sorted(
    entry
    for entry in folder.iterdir()
    if not entry.name.startswith(('.', '__')) and entry.is_dir()
  )


def _image_paths(folder):
  # A scan of the folder spares a look at each of the files.
  with os.scandir(folder) as entries:
    return sorted(
      entry.path
      for entry in entries
      if not entry.name.startswith('.')
      and entry.name.lower().endswith(decoding.EXTENSIONS)
      and entry.is_file()
    )
