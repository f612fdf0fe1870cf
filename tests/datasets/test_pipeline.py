import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.datasets import pipeline
from vqvae_tf.datasets.source import Arrays, ArraySource


def _source(num_examples):
  """Labels are the indices, and so are the images, modulo 256."""
  labels = np.arange(num_examples, dtype=np.int32)
  images = np.zeros((num_examples, 2, 3, 1), np.uint8)
  images[:] = labels.astype(np.uint8)[:, None, None, None]
  return ArraySource('tiny', 'train', Arrays(images, labels))


def _labels(dataset, steps):
  return np.stack([labels for _, labels in dataset.take(steps)])


def _permutation(num_examples, seed, epoch):
  return pipeline.shuffled_indices(
    epoch, num_examples, num_examples, seed
  ).numpy()


@pytest.mark.parametrize(
  'side, size', [(28, 100), (32, 100), (64, 64), (256, 4), (2048, 1)]
)
def test_large_images_come_in_small_batches(side, size):
  images = np.zeros((1, side, side, 1), np.uint8)
  arrays = Arrays(images, np.zeros(1, np.int32))
  assert pipeline.fitting(100, ArraySource('a', 'test', arrays)) == size


def test_in_order_gives_all_once_and_a_smaller_last_batch():
  batches = list(pipeline.in_order(_source(10), 4))
  assert [len(labels) for _, labels in batches] == [4, 4, 2]
  assert np.concatenate([b[1] for b in batches]).tolist() == list(range(10))
  assert np.concatenate([b[0] for b in batches])[:, 1, 2, 0].tolist() == list(
    range(10)
  )


def test_element_specs():
  ordered = pipeline.in_order(_source(10), 4)
  assert ordered.element_spec == (
    tf.TensorSpec([None, 2, 3, 1], tf.uint8),
    tf.TensorSpec([None], tf.int32),
  )
  assert ordered.cardinality() == 3
  shuffled = pipeline.shuffled(_source(10), 4, seed=0)
  assert shuffled.element_spec == (
    tf.TensorSpec([4, 2, 3, 1], tf.uint8),
    tf.TensorSpec([4], tf.int32),
  )
  assert shuffled.cardinality() == tf.data.INFINITE_CARDINALITY


# Batches that divide an epoch, that span two, and that span several.
@pytest.mark.parametrize('num_examples, batch_size', [(12, 4), (10, 4), (3, 8)])
def test_each_epoch_visits_each_example_once(num_examples, batch_size):
  dataset = pipeline.shuffled(_source(num_examples), batch_size, seed=1)
  stream = _labels(dataset, 3 * num_examples).ravel()
  epochs = stream.reshape(-1, num_examples)
  assert len(epochs) == 3 * batch_size
  for epoch in epochs:
    assert sorted(epoch) == list(range(num_examples))
  assert len({tuple(epoch) for epoch in epochs}) > 1


@pytest.mark.parametrize('first_step', [1, 3, 7])
def test_a_late_start_equals_a_run_from_the_beginning(first_step):
  source = _source(10)
  whole = _labels(pipeline.shuffled(source, 4, 5), first_step + 6)
  late = _labels(pipeline.shuffled(source, 4, 5, first_step), 6)
  np.testing.assert_array_equal(late, whole[first_step:])


def test_a_start_in_the_far_future_costs_nothing():
  dataset = pipeline.shuffled(_source(10), 4, 5, first_step=10**12)
  assert _labels(dataset, 1).shape == (1, 4)


def test_images_and_labels_stay_together():
  for images, labels in pipeline.shuffled(_source(100), 16, 2).take(10):
    np.testing.assert_array_equal(images[:, 0, 0, 0], labels)


def test_the_order_is_frozen():
  # A change would alter every run that is resumed.
  dataset = pipeline.shuffled(_source(10), 5, seed=7)
  assert _labels(dataset, 4).tolist() == [
    [5, 6, 3, 9, 7],
    [8, 0, 2, 4, 1],
    [1, 2, 4, 3, 9],
    [5, 6, 7, 8, 0],
  ]


def test_seeds_and_epochs_give_unlike_permutations():
  first = _permutation(1000, 0, 0)
  assert not np.array_equal(first, np.arange(1000))
  for seed, epoch in ((0, 1), (0, 2), (1, 0), (2**62, 0), (-1, 0)):
    other = _permutation(1000, seed, epoch)
    # The correlation of two random ones has a deviation of 1 / sqrt(999) =
    # 0.03; five times that is out of its reach.
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.16


def test_every_example_comes_to_every_place():
  epochs = 500
  stream = tf.data.Dataset.range(epochs).map(
    lambda epoch: pipeline.shuffled_indices(epoch, 10, 10, 3)
  )
  counts = np.zeros((10, 10))
  for permutation in stream.as_numpy_iterator():
    counts[np.arange(10), permutation] += 1
  expected = epochs / 10
  chi_squared = ((counts - expected) ** 2 / expected).sum()
  # 81 degrees of freedom: mean 81, deviation 13; five deviations above.
  assert chi_squared < 145


def test_neighbours_in_a_permutation_are_unlike():
  order = _permutation(60_000, 0, 0)
  # Five deviations of 1 / sqrt(60,000).
  assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.02


def test_parts_make_up_the_batches():
  source = _source(10)
  whole = _labels(pipeline.shuffled(source, 6, 5, 2), 4)
  parts = [
    _labels(pipeline.shuffled(source, 6, 5, 2, (i, 3)), 4) for i in range(3)
  ]
  np.testing.assert_array_equal(np.concatenate(parts, 1), whole)


class TestFlip:
  NUM_EXAMPLES = 100

  @pytest.fixture
  def source(self):
    """Each image is 0 in its left column, and its index in the right."""
    labels = np.arange(self.NUM_EXAMPLES, dtype=np.int32)
    images = np.zeros((self.NUM_EXAMPLES, 2, 3, 1), np.uint8)
    images[:, :, 1] = 200
    images[:, :, 2] = 1 + labels.astype(np.uint8)[:, None, None]
    return ArraySource('tiny', 'train', Arrays(images, labels))

  def _flips(self, source, steps, *args):
    """Returns which images are mirrored, bool [steps, rows]."""
    flips = []
    for images, labels in pipeline.shuffled(source, *args, flip=True).take(
      steps
    ):
      originals = source.fetch(labels)[0].numpy()
      is_flipped = images.numpy()[:, 0, 0, 0] > 0
      originals[is_flipped] = originals[is_flipped, :, ::-1]
      np.testing.assert_array_equal(images, originals)
      flips.append(is_flipped)
    return np.stack(flips)

  def test_half_of_the_images_anew_in_each_epoch(self, source):
    epochs = self._flips(source, 20, self.NUM_EXAMPLES, 5)
    # A mean of 2,000 has a deviation of 0.011, one of 20 of 0.11: five each.
    assert abs(epochs.mean() - 0.5) < 0.056
    assert np.abs(epochs.mean(0) - 0.5).max() < 0.5
    # In other places, in other epochs, and with another seed.
    assert len({tuple(epoch) for epoch in epochs}) == 20
    other = self._flips(source, 20, self.NUM_EXAMPLES, 6)
    assert abs(np.mean(other == epochs) - 0.5) < 0.056

  def test_the_order_is_that_without_flips(self, source):
    flipped = pipeline.shuffled(source, 8, 5, flip=True)
    plain = pipeline.shuffled(source, 8, 5)
    assert flipped.element_spec == plain.element_spec
    np.testing.assert_array_equal(_labels(flipped, 4), _labels(plain, 4))

  def test_the_draws_are_frozen(self, source):
    # A change would alter every run that is resumed.
    assert self._flips(source, 2, 5, 7).astype(int).tolist() == [
      [0, 0, 1, 1, 1],
      [1, 1, 0, 1, 0],
    ]

  def test_a_late_start(self, source):
    whole = self._flips(source, 9, 8, 5)
    np.testing.assert_array_equal(self._flips(source, 6, 8, 5, 3), whole[3:])

  def test_parts_make_up_the_batches(self, source):
    whole = self._flips(source, 4, 6, 5, 2)
    parts = [self._flips(source, 4, 6, 5, 2, (i, 3)) for i in range(3)]
    np.testing.assert_array_equal(np.concatenate(parts, 1), whole)


def test_wrong_arguments():
  with pytest.raises(ValueError, match='train split of tiny has no examples'):
    pipeline.shuffled(_source(0), 4, 0)
  with pytest.raises(ValueError, match='batch_size must be >= 1, got 0'):
    pipeline.shuffled(_source(3), 0, 0)
  with pytest.raises(ValueError, match='batch_size must be >= 1, got -2'):
    pipeline.in_order(_source(3), -2)
  with pytest.raises(ValueError, match='first_step must be >= 0, got -1'):
    pipeline.shuffled(_source(3), 1, 0, -1)
  for part in ((0, 3), (2, 2), (-1, 2)):
    with pytest.raises(
      ValueError, match=f'batch of 4 has no equal part {part[0]} of {part[1]}'
    ):
      pipeline.shuffled(_source(3), 4, 0, 0, part)
  assert not list(pipeline.in_order(_source(0), 4))
