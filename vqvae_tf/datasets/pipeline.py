"""Batches of a source, in order or shuffled, as tf.data datasets."""

import math

import tensorflow as tf

from vqvae_tf.datasets.source import Source
from vqvae_tf.media import images

# TensorFlow's own wrapper gives the cipher 4 rounds, which leaves neighbours
# of a permutation correlated (0.09 at 60,000 examples); 8 leave nothing.
_ROUNDS = 8
# Of an evaluation: 256 images of 32x32, 4 of 256x256; at most 800 MB for the
# 256 logits of each colour.
_PIXELS_PER_PASS = 2**18


def fitting(most: int, source: Source) -> int:
  """Returns a batch size that evaluation has memory for.

  Args:
    most: for small examples.
    source: of the examples.
  """
  pixels = math.prod(source.example_shape[:-1])
  return max(1, min(most, _PIXELS_PER_PASS // pixels))


def in_order(source: Source, batch_size: int) -> tf.data.Dataset:
  """All examples once, in the order of their indices.

  Args:
    source: where the examples come from.
    batch_size: examples per batch, >= 1.

  Returns:
    Dataset of (examples uint8 [n, ..., C], labels int32 [n]) with n =
    batch_size, but for a smaller last batch.

  Raises:
    ValueError: the batch size is no positive number.
  """
  _check_batch_size(batch_size)

  def fetch(start):
    stop = tf.minimum(start + batch_size, source.num_examples)
    return _shaped(source, source.fetch(tf.range(start, stop)), None)

  starts = tf.data.Dataset.range(0, source.num_examples, batch_size)
  return _parallel(starts, fetch)


def shuffled(
  source: Source,
  batch_size: int,
  seed: int,
  first_step: int = 0,
  part: tuple[int, int] = (0, 1),
  flip: bool = False,
) -> tf.data.Dataset:
  """Endless full batches; batch t is a pure function of the seed and t.

  Batch t takes the positions t b .. t b + b - 1 of an endless row of epochs,
  each a permutation of all examples. A batch may thus span two epochs.

  Args:
    source: where the examples come from.
    batch_size: b, >= 1, may exceed the number of examples.
    seed: any integer of 64 bits.
    first_step: t of the first batch, >= 0; starting late costs nothing.
    part: (i, n) takes the rows b i / n .. b (i + 1) / n - 1 of each batch
      alone, and reads no others.
    flip: mirrors each image left to right, each time with probability 1/2.

  Returns:
    Endless dataset of (examples uint8 [b / n, ..., C], labels int32 [b / n]).

  Raises:
    ValueError: the source is empty, or an argument is out of its range.
    UserError: what is to be flipped is no image.
  """
  _check_batch_size(batch_size)
  if flip:
    images.check_shape(source.example_shape, '--flip', 'leave it out')
  if source.num_examples < 1:
    raise ValueError(
      f'the {source.split} split of {source.name} has no examples to shuffle'
    )
  if first_step < 0:
    raise ValueError(f'first_step must be >= 0, got {first_step}')
  own = _rows(batch_size, *part)

  def fetch(step):
    indices = shuffled_indices(step, batch_size, source.num_examples, seed)
    draws = _draws(step, batch_size, seed)
    batch = source.moved(indices[own], draws[1][own])
    batch = _shaped(source, batch, own.stop - own.start)
    return _flip(batch, draws[0][own] < 0.5) if flip else batch

  steps = tf.data.Dataset.counter(start=first_step, dtype=tf.int64)
  return _parallel(steps, fetch)


def _rows(batch_size, index, count):
  """Returns which rows of a batch are its part of that index."""
  if not 0 <= index < count or batch_size % count:
    raise ValueError(
      f'a batch of {batch_size} has no equal part {index} of {count}'
    )
  rows = batch_size // count
  return slice(index * rows, (index + 1) * rows)


def shuffled_indices(
  step: tf.Tensor, batch_size: int, num_examples: int, seed: int
) -> tf.Tensor:
  """The indices of the examples in one shuffled batch.

  Args:
    step: int64 scalar t >= 0.
    batch_size: b >= 1.
    num_examples: size of an epoch, >= 1.
    seed: any integer of 64 bits.

  Returns:
    int64 [b] in [0, num_examples).
  """
  step = tf.convert_to_tensor(step, tf.int64)
  positions = step * batch_size + tf.range(batch_size, dtype=tf.int64)
  epochs, places = positions // num_examples, positions % num_examples

  # Seeds that differ in a bit or two give permutations that resemble each
  # other (correlation 0.9 from epoch to epoch): each is drawn at random.
  def epoch_seed(epoch):
    return tf.random.stateless_uniform(
      [3],
      tf.stack([tf.constant(seed, tf.int64), epoch]),
      minval=None,
      maxval=None,
      dtype=tf.int32,
      alg='philox',
    )

  first = epochs[0]
  seeds = tf.map_fn(
    epoch_seed,
    tf.range(first, epochs[-1] + 1),
    fn_output_signature=tf.TensorSpec([3], tf.int32),
  )
  return tf.raw_ops.RandomIndexShuffle(
    index=places,
    seed=tf.gather(seeds, epochs - first),
    max_index=tf.constant(num_examples - 1, tf.int64),
    rounds=_ROUNDS,
  )


def _draws(step, batch_size, seed):
  """Returns float32 [2, b] in [0, 1), of batch `step`: for flips, for cuts."""
  # Negative, for the epochs draw with the numbers from 0 on.
  seeds = tf.stack([tf.constant(seed, tf.int64), -1 - step])
  return tf.random.stateless_uniform([2, batch_size], seeds, alg='philox')


def _flip(batch, where):
  pictures, labels = batch
  where = where[:, None, None, None]
  return tf.where(where, pictures[:, :, ::-1], pictures), labels


def _check_batch_size(batch_size):
  if batch_size < 1:
    raise ValueError(f'batch_size must be >= 1, got {batch_size}')


def _shaped(source, batch, batch_size):
  examples, labels = batch
  return (
    tf.ensure_shape(examples, [batch_size, *source.example_shape]),
    tf.ensure_shape(labels, [batch_size]),
  )


def _parallel(dataset, fetch):
  dataset = dataset.map(
    fetch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
  )
  return dataset.prefetch(tf.data.AUTOTUNE)
