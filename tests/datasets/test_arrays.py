"""Data that a program has."""

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import datasets
from vqvae_tf.datasets import arrays

IMAGES = np.arange(30 * 4, dtype=np.uint8).reshape(30, 2, 2, 1)
LABELS = np.arange(30) % 3


def _all(source):
  return source.fetch(tf.range(source.num_examples, dtype=tf.int64))


def test_the_last_tenth_validates():
  train, validation = arrays.sources((IMAGES, LABELS))
  assert (train.num_examples, validation.num_examples) == (27, 3)
  np.testing.assert_array_equal(_all(train)[0], IMAGES[:27])
  np.testing.assert_array_equal(_all(validation)[0], IMAGES[27:])
  np.testing.assert_array_equal(_all(validation)[1], LABELS[27:])
  assert train.class_names == ('0', '1', '2')
  alone, _ = arrays.sources(IMAGES)
  assert alone.class_names == ()


def test_validation_of_its_own():
  train, validation = arrays.sources(IMAGES, IMAGES[:2])
  assert (train.num_examples, validation.num_examples) == (30, 2)


@pytest.mark.parametrize('batch', [0, 7])
@pytest.mark.parametrize('has_labels', [False, True])
def test_a_dataset_is_its_arrays(batch, has_labels):
  given = (IMAGES, LABELS) if has_labels else IMAGES
  dataset = tf.data.Dataset.from_tensor_slices(given)
  dataset = dataset.batch(batch) if batch else dataset
  for own, other in zip(
    arrays.sources(dataset), arrays.sources(given), strict=True
  ):
    for a, b in zip(_all(own), _all(other), strict=True):
      np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
  'data, message',
  [
    (IMAGES / 255, 'data: examples must be uint8'),
    (IMAGES[..., 0, 0], r'data: examples must be \[B, ..., C\]'),
    (IMAGES[:0], 'data has no example'),
    (IMAGES[:9], '9 examples leave none for validation'),
    ((IMAGES, LABELS[:3]), r'must be 30 integers, not int64 \[3\]'),
    ((IMAGES, LABELS / 2), r'must be 30 integers, not float64 \[30\]'),
    ((IMAGES, LABELS - 1), 'must be at least 0, not -1'),
    (tf.data.Dataset.range(0), 'at least one'),
    (tf.data.Dataset.from_tensors(IMAGES).repeat(), 'endless: leave repeat'),
  ],
)
def test_bad_data_is_named(data, message):
  with pytest.raises(ValueError, match=message):
    arrays.sources(data)


def test_shapes_agree():
  with pytest.raises(ValueError, match=r'\(2, 2, 1\), those of validation'):
    arrays.sources(IMAGES, IMAGES[:, :1])


def test_no_command_opens_them():
  with pytest.raises(ValueError, match='which no command opens: measure it by'):
    datasets.open_source('arrays', 'train')
