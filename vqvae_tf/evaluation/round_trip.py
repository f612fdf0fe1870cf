"""Bits/dim of the files that a model itself makes, which are read again."""

import math
from collections.abc import Iterator
from pathlib import Path

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


def write(
  codec: Codec, data: Source, class_names: tuple[str, ...], path: Path
) -> float:
  """Writes the file of a split, reads it again and compares all examples.

      bits_per_dim = 8 (bytes of the file) / (N H W C)

  Args:
    codec: of the model.
    data: the split.
    class_names: those of the model.
    path: the file, which appears whole or not at all.

  Returns:
    Its bits/dim.

  Raises:
    UserError: if the examples are not what the model takes.
    OSError: if the file cannot be written.
    RuntimeError: if it does not give back an example.
  """

  def batches(title):
    with files.bar(data.num_examples, f'{data.split}, {title}') as bar:
      for images, labels in labelled(data, class_names):
        yield images, labels
        bar.update(len(images))

  with files.written(path) as aside, open(aside, 'wb') as file:
    codec.compress_to(file, batches('own file'))
  read, number = codec.images(files.mapped(path)), 0
  for images, _ in batches('own file, read again'):
    for image in images:
      if (next(read) != image).any():
        raise RuntimeError(f'{path} does not give back image {number}')
      number += 1
  return 8 * path.stat().st_size / (number * math.prod(data.example_shape))
