import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.datasets.source import Arrays, ArraySource


def _source():
  images = np.arange(3 * 2 * 2, dtype=np.uint8).reshape(3, 2, 2, 1)
  labels = np.array([7, 8, 9], np.int32)
  return ArraySource('tiny', 'test', Arrays(images, labels), ('a', 'b'))


def test_attributes():
  source = _source()
  assert (source.name, source.split) == ('tiny', 'test')
  assert source.num_examples == 3
  assert source.example_shape == (2, 2, 1)
  assert source.class_names == ('a', 'b')


def test_fetch_gathers_in_a_graph_of_unknown_size():
  source = _source()
  fetch = tf.function(
    source.fetch, input_signature=[tf.TensorSpec([None], tf.int64)]
  )
  images, labels = fetch(tf.constant([2, 0, 2], tf.int64))
  assert images.dtype == tf.uint8 and labels.dtype == tf.int32
  assert images[:, 0, 0, 0].numpy().tolist() == [8, 0, 8]
  assert labels.numpy().tolist() == [9, 7, 9]


def test_the_images_are_no_constant_of_the_graph():
  # A graph that holds the data set would pass the 2 GB of a protocol buffer.
  source = ArraySource(
    'big',
    'train',
    Arrays(np.zeros((100, 32, 32, 3), np.uint8), np.zeros(100, np.int32)),
  )
  graph = tf.function(source.fetch).get_concrete_function(
    tf.TensorSpec([None], tf.int64)
  )
  assert graph.graph.as_graph_def().ByteSize() < 20_000


def test_an_index_out_of_range_is_refused():
  with pytest.raises(tf.errors.InvalidArgumentError, match=r'3 is not in \[0'):
    _source().fetch(tf.constant([3], tf.int64))
