"""Folders of image files, one folder per class."""

import os
import pathlib

import numpy as np
import tensorflow as tf

from vqvae_tf.datasets import class_folders
from vqvae_tf.datasets.source import Source, identity_of_files
from vqvae_tf.media import decoding
from vqvae_tf.media.squares import square


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
      folder: holds class folders of image files, or folders `train`,
        `validation` (`valid`, `val`) and `test` in upper or lower case, with
        class folders in each. What lies in folders below a class is of the
        class. A folder without such parts gives a tenth of its images to
        validation and a tenth to test, as `splits.by_name` says; one without a
        validation folder a tenth of the training images to validation.
      image_size: side in pixels that images are cropped and resized to.
      name: the data set's name.

    Raises:
      UserError: the folder is missing or laid out in another way, has no
        images for the split, or a class that the training images lack.
    """
    listing = class_folders.find(pathlib.Path(folder), split)
    indices = class_folders.chosen(listing, split)
    super().__init__(
      name,
      split,
      len(indices),
      (image_size, image_size, 3),
      listing.class_names,
      identity_of_files(
        listing.part, map(os.fsencode, listing.names), listing.labels
      ),
    )
    self.is_by_name = listing.is_shared
    self._paths = [f'{listing.folder}/{listing.names[i]}' for i in indices]
    with tf.device('CPU'):
      self._labels = tf.constant([listing.labels[i] for i in indices], tf.int32)

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
  return square(decoding.decode(path), image_size)
