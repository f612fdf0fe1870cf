"""Recordings as examples of one length: windows of 8-bit mu-law."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from vqvae_tf.datasets.source import Identity, Source
from vqvae_tf.media import audio


class Recording(NamedTuple):
  """A recording and what is known of it.

  Attributes:
    levels: uint8 `[n]`, mu-law.
    label: of its class.
  """

  levels: np.ndarray
  label: int


class Recordings(Source):
  """Windows `[length, 1]` of recordings, held in memory.

  In order each recording is covered from its start on; its last window ends
  with it, and overlaps the one before. What is shorter than a window is
  followed by silence. In training (`moved`) a window begins anywhere in its
  recording.
  """

  def __init__(
    self,
    name: str,
    split: str,
    recordings: Sequence[Recording],
    length: int,
    class_names: tuple[str, ...] = (),
    identity: Identity | None = None,
  ):
    """Puts recordings one behind the other.

    Args:
      name: the data set's name.
      split: 'train', 'validation' or 'test'.
      recordings: at least one.
      length: samples of an example.
      class_names: a name for each label.
      identity: of what they were taken from.
    """
    padded = [_padded(each.levels, length) for each in recordings]
    sizes = np.array([len(levels) for levels in padded])
    begins = np.cumsum(sizes) - sizes
    windows = [_starts(size, length) for size in sizes]
    owners = np.repeat(np.arange(len(padded)), [len(w) for w in windows])
    super().__init__(
      name, split, len(owners), (length, 1), class_names, identity
    )
    labels = np.array([each.label for each in recordings], np.int32)
    with tf.device('CPU'):
      self._levels = tf.constant(np.concatenate(padded))
      # Of each window: where it begins, and where its recording lets it begin.
      self._windows = tf.constant(begins[owners] + np.concatenate(windows))
      self._begins = tf.constant(begins[owners])
      self._rooms = tf.constant(sizes[owners] - length + 1)
      self._labels = tf.constant(labels[owners])

  def fetch(self, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    with tf.device('CPU'):
      return self._cut(tf.gather(self._windows, indices), indices)

  def moved(
    self, indices: tf.Tensor, draws: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor]:
    with tf.device('CPU'):
      rooms = tf.cast(tf.gather(self._rooms, indices), tf.float64)
      shifts = tf.cast(tf.cast(draws, tf.float64) * rooms, tf.int64)
      return self._cut(tf.gather(self._begins, indices) + shifts, indices)

  def _cut(self, starts, indices):
    places = starts[:, None] + tf.range(self.example_shape[0], dtype=tf.int64)
    examples = tf.gather(self._levels, places)[..., None]
    return examples, tf.gather(self._labels, indices)


def _padded(levels, length):
  missing = max(0, length - len(levels))
  return np.pad(levels, [0, missing], constant_values=audio.SILENCE)


def _starts(size, length):
  """Returns where windows begin that cover a recording, int64."""
  starts = np.arange(0, size - length + 1, length)
  if starts[-1] + length < size:
    starts = np.append(starts, size - length)
  return starts
