"""Bits/dim of the files that a model itself makes, which are read again."""

import itertools
import tempfile
from collections.abc import Iterator

import numpy as np

from vqvae_tf import files
from vqvae_tf.datasets import pipeline
from vqvae_tf.datasets.source import Source
from vqvae_tf.serving import Codec

_BATCH_SIZE = 64

Batches = Iterator[tuple[np.ndarray, np.ndarray | None]]


def labelled(
  data: Source, class_names: tuple[str, ...], limit: int | None = None
) -> Batches:
  """Yields batches of a split, uint8 `[B, ..., C]`, with their labels.

  Args:
    data: the split.
    class_names: those of the model; of other classes the labels are None.
    limit: of the first so many examples.
  """
  has_classes = tuple(data.class_names) == class_names
  rest = min(data.num_examples, limit or data.num_examples)
  size = pipeline.fitting(min(_BATCH_SIZE, rest), data)
  for images, labels in pipeline.in_order(data, size).take(-(-rest // size)):
    few = images.numpy()[:rest]
    yield few, labels.numpy()[: len(few)] if has_classes else None
    rest -= len(few)


def bits_per_dim(
  codec: Codec, data: Source, class_names: tuple[str, ...]
) -> float:
  """Returns the bits/dim of the file of a split, which it reads and compares.

      bits_per_dim = 8 (bytes of the file) / (N H W C)

  Args:
    codec: of the model.
    data: the split.
    class_names: those of the model.

  Raises:
    UserError: if the images are not what the model takes.
    RuntimeError: if the file does not give back an image.
  """

  def batches(title):
    with files.bar(data.num_examples, f'{data.split}, {title}') as bar:
      for images, labels in labelled(data, class_names):
        yield images, labels
        bar.update(len(images))

  with tempfile.TemporaryFile() as file:
    codec.compress_to(file, batches('own file'))
    size = file.tell()
    file.seek(0)
    read, number = codec.images(file.read()), 0
    for images, _ in batches('own file, read again'):
      found = np.stack(list(itertools.islice(read, len(images))))
      if (found != images).any():
        wrong = (found != images).any(tuple(range(1, images.ndim)))
        raise RuntimeError(
          f'the file does not give back image {number + wrong.argmax()}'
        )
      number += len(images)
  return 8 * size / (number * np.prod(data.example_shape))
