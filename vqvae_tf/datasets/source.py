"""Random access to the examples of one split of a data set."""

import abc
from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Arrays(NamedTuple):
  """Examples in memory."""

  images: np.ndarray  # uint8 [n, ..., C], or other examples
  labels: np.ndarray  # int32 [n]


class Source(abc.ABC):
  """One split of a data set, fetched by index.

  Attributes:
    name: the data set's name.
    split: 'train', 'validation' or 'test'.
    num_examples: how many there are; indices run from 0 to num_examples - 1.
    example_shape: [..., C], of images (H, W, C) in pixels and channels, of
      sounds (T, C), of clips (T, H, W, C).
    class_names: a name for each label, empty when there are none.
  """

  def __init__(
    self,
    name: str,
    split: str,
    num_examples: int,
    example_shape: tuple[int, ...],
    class_names: tuple[str, ...] = (),
  ):
    self.name = name
    self.split = split
    self.num_examples = int(num_examples)
    self.example_shape = tuple(int(size) for size in example_shape)
    self.class_names = tuple(class_names)

  @abc.abstractmethod
  def fetch(self, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The examples at some indices; works in a graph.

    Args:
      indices: int64 [n], each in [0, num_examples).

    Returns:
      Examples uint8 [n, ..., C] in 0..255 and labels int32 [n].
    """


class ArraySource(Source):
  """A split that is held in memory."""

  def __init__(
    self,
    name: str,
    split: str,
    arrays: Arrays,
    class_names: tuple[str, ...] = (),
  ):
    """Copies the arrays into main memory.

    Args:
      name: the data set's name.
      split: 'train', 'validation' or 'test'.
      arrays: examples uint8 [n, ..., C] and labels int32 [n].
      class_names: a name for each label.
    """
    images, labels = arrays
    super().__init__(name, split, len(images), images.shape[1:], class_names)
    # A GPU would otherwise hold the whole set, and each batch would cross over
    # to it and back on its way through the input pipeline.
    with tf.device('CPU'):
      self._images = tf.constant(images, tf.uint8)
      self._labels = tf.constant(labels, tf.int32)

  def fetch(self, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    with tf.device('CPU'):
      return tf.gather(self._images, indices), tf.gather(self._labels, indices)
