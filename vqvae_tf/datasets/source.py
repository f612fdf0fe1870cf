"""Random access to the examples of one split of a data set."""

import abc
import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Arrays(NamedTuple):
  """Examples in memory."""

  images: np.ndarray  # uint8 [n, ..., C], or other examples
  labels: np.ndarray  # int32 [n]


class Identity(NamedTuple):
  """Tells the data from which a split was taken from any other.

  Attributes:
    part: of the data set: 'all' of it, or 'train', 'validation' or 'test'.
    count: how many examples the part has.
    digest: the first 128 bits of SHA-256, hexadecimal, of the examples, or of
      their names, and of their labels, in their order.
  """

  part: str
  count: int
  digest: str


def identity_of_arrays(part: str, arrays: Arrays) -> Identity:
  """Returns the identity of examples in memory."""
  images, labels = map(np.ascontiguousarray, arrays)
  digest = hashlib.sha256(f'{images.dtype} {images.shape}'.encode())
  digest.update(images)
  digest.update(labels.astype('<i4'))
  return Identity(part, len(images), digest.hexdigest()[:32])


def identity_of_files(
  part: str, names: Iterable[bytes], labels: Iterable[int]
) -> Identity:
  """Returns the identity of files, by their names relative to the data."""
  lines = [b'%d %s' % pair for pair in zip(labels, names, strict=True)]
  digest = hashlib.sha256(b'\0'.join(lines)).hexdigest()[:32]
  return Identity(part, len(lines), digest)


class Source(abc.ABC):
  """One split of a data set, fetched by index.

  Attributes:
    name: the data set's name.
    split: 'train', 'validation' or 'test'.
    num_examples: how many there are; indices run from 0 to num_examples - 1.
    example_shape: [..., C], of images (H, W, C) in pixels and channels, of
      sounds (T, C), of clips (T, H, W, C).
    class_names: a name for each label, empty when there are none.
    identity: of what the split was taken from; None: it is not known.
    is_by_name: whether the names of files decide what is in the split, where
      early versions counted them off.
  """

  is_by_name = False

  def __init__(
    self,
    name: str,
    split: str,
    num_examples: int,
    example_shape: tuple[int, ...],
    class_names: tuple[str, ...] = (),
    identity: Identity | None = None,
  ):
    self.name = name
    self.split = split
    self.num_examples = int(num_examples)
    self.example_shape = tuple(int(size) for size in example_shape)
    self.class_names = tuple(class_names)
    self.identity = identity

  @abc.abstractmethod
  def fetch(self, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The examples at some indices; works in a graph.

    Args:
      indices: int64 [n], each in [0, num_examples).

    Returns:
      Examples uint8 [n, ..., C] in 0..255 and labels int32 [n].
    """

  def moved(
    self, indices: tf.Tensor, draws: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """The same as training sees them: a source may cut them anew each time.

    Args:
      indices: as `fetch` takes them.
      draws: float32 [n], drawn in [0, 1), which say where.

    Returns:
      As `fetch`, which it is where there is nothing to cut.
    """
    del draws
    return self.fetch(indices)


class ArraySource(Source):
  """A split that is held in memory."""

  def __init__(
    self,
    name: str,
    split: str,
    arrays: Arrays,
    class_names: tuple[str, ...] = (),
    identity: Identity | None = None,
  ):
    """Copies the arrays into main memory.

    Args:
      name: the data set's name.
      split: 'train', 'validation' or 'test'.
      arrays: examples uint8 [n, ..., C] and labels int32 [n].
      class_names: a name for each label.
      identity: of what the arrays were taken from; None: of themselves.
    """
    images, labels = arrays
    super().__init__(
      name,
      split,
      len(images),
      images.shape[1:],
      class_names,
      identity or identity_of_arrays(split, arrays),
    )
    # A GPU would otherwise hold the whole set, and each batch would cross over
    # to it and back on its way through the input pipeline.
    with tf.device('CPU'):
      self._images = tf.constant(images, tf.uint8)
      self._labels = tf.constant(labels, tf.int32)

  def fetch(self, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    with tf.device('CPU'):
      return tf.gather(self._images, indices), tf.gather(self._labels, indices)
