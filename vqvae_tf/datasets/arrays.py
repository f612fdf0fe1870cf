"""Examples that a program has: arrays, or a `tf.data.Dataset` of them."""

from typing import Any

import numpy as np
import tensorflow as tf

from vqvae_tf.datasets import names, splits
from vqvae_tf.datasets.source import Arrays, ArraySource, Source
from vqvae_tf.media.examples import check_examples


def sources(data: Any, validation: Any = None) -> tuple[Source, Source]:
  """Returns the training and the validation split of examples in memory.

  Args:
    data: uint8 `[n, ..., C]`, or a pair of it and int32 labels `[n]`; or a
      `tf.data.Dataset` that ends, of examples or of pairs, one by one or, where
      the size of a batch is unknown, in batches.
    validation: likewise; None: the last tenth of `data`, 5,000 at most.

  Raises:
    ValueError: if examples are no uint8 `[n, ..., C]`, labels are not as many,
      or there are too few examples.
  """
  train = _arrays(data, 'data')
  if validation is None:
    train, held = _held_out(train)
  else:
    held = _arrays(validation, 'validation')
  if train.images.shape[1:] != held.images.shape[1:]:
    raise ValueError(
      f'examples of data are {train.images.shape[1:]}, those of validation '
      f'{held.images.shape[1:]}'
    )
  classes = _class_names(train.labels)
  return (
    ArraySource(names.ARRAYS, 'train', train, classes),
    ArraySource(names.ARRAYS, 'validation', held, classes),
  )


def _held_out(arrays):
  count = len(arrays.images)
  kept = count - min(count // 10, splits.HELD_OUT)
  if kept == count:
    raise ValueError(
      f'{count} examples leave none for validation: give validation=, or at '
      'least 10'
    )
  return (
    Arrays(*(part[:kept] for part in arrays)),
    Arrays(*(part[kept:] for part in arrays)),
  )


def _arrays(data, name):
  if isinstance(data, tf.data.Dataset):
    data = _collected(data, name)
  images, labels = data if isinstance(data, tuple) else (data, None)
  images = np.asarray(images)
  try:
    check_examples(images)
  except ValueError as error:
    raise ValueError(f'{name}: {error}') from error
  if not len(images):
    raise ValueError(f'{name} has no example')
  if labels is None:
    return Arrays(images, np.zeros(len(images), np.int32))
  labels = np.asarray(labels)
  if labels.shape != (len(images),) or labels.dtype.kind not in 'iu':
    raise ValueError(
      f'labels of {name} must be {len(images)} integers, not '
      f'{labels.dtype} {list(labels.shape)}'
    )
  if labels.min() < 0:
    raise ValueError(f'labels of {name} must be at least 0, not {labels.min()}')
  return Arrays(images, labels.astype(np.int32))


def _collected(dataset, name):
  """Returns the arrays that a data set holds in all."""
  if int(dataset.cardinality()) == tf.data.INFINITE_CARDINALITY:
    raise ValueError(f'{name} is endless: leave repeat() out, or give take(n)')
  spec = tf.nest.flatten(dataset.element_spec)
  parts = [
    np.asarray(part)
    if spec[i].shape.rank and spec[i].shape[0] is None
    else np.asarray(part)[None]
    for element in dataset
    for i, part in enumerate(tf.nest.flatten(element))
  ]
  if not parts or len(spec) > 2:
    raise ValueError(
      f'{name} must give examples, or pairs of examples and labels, and at '
      f'least one: it gives {dataset.element_spec}'
    )
  columns = [np.concatenate(parts[i :: len(spec)]) for i in range(len(spec))]
  return tuple(columns) if len(columns) == 2 else columns[0]


def _class_names(labels):
  count = int(labels.max()) + 1
  return tuple(map(str, range(count))) if count > 1 else ()
