"""Bits/dim and reconstruction quality of a model over a whole split."""

import math
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from vqvae_tf import files
from vqvae_tf.datasets import pipeline
from vqvae_tf.datasets.source import Source
from vqvae_tf.media import image_files
from vqvae_tf.metrics.measure import Metrics, errors, measure, sum_of_squares
from vqvae_tf.serving.subject import Subject

_BATCH_SIZE = 100


def evaluate(
  subject: Subject,
  data: Source,
  batch_size: int = _BATCH_SIZE,
  num_sampled: int = 256,
) -> Metrics:
  """Measures a subject over a whole split, with a bar on a terminal.

  Args:
    subject: the model.
    data: the split.
    batch_size: of small images; of large ones as many as memory allows.
    num_sampled: images of which an autoregressive decoder draws a sample each.

  Returns:
    `Metrics`, averages by example.

  Raises:
    UserError: if the images are of another shape than the model's.
  """
  subject.check(data)
  codes = []

  def assess(images):
    result = subject.assess(images)
    codes.append(np.asarray(result.codes))
    return result

  result = measure(
    assess,
    batches(data, 'model and prior' if subject.prior else 'model', batch_size),
    subject.codebook_sizes,
    _cost(subject, data),
  )
  if subject.has_pixel_bits and data.num_examples > 1:
    shuffled = _shuffled(subject, data, np.concatenate(codes), batch_size)
    result = result._replace(shuffled_bits_per_dim=shuffled)
  if result.mse is None:
    result = result._replace(**sampled_errors(subject, data, num_sampled))
  return result


def _cost(subject, data):
  """Returns what takes codes and labels to their cost under the prior."""
  if not subject.prior:
    return None
  # Other data may have other classes.
  has_its_classes = tuple(data.class_names) == subject.config.class_names

  def cost(codes, labels):
    return subject.prior.cost(codes, labels if has_its_classes else None)

  return cost


def _shuffled(subject, data, codes, batch_size):
  """Returns pixel bits/dim of images with the codes of half a split before."""
  # Far away, for neighbours in a folder are alike.
  others, done, bits = np.roll(codes, len(codes) // 2, 0), 0, 0.0
  for images, _ in batches(data, 'shuffled codes', batch_size):
    own = others[done : done + len(images)]
    bits += float(tf.reduce_sum(subject.pixel_bits(own, images)))
    done += len(images)
  return bits / data.num_examples / math.prod(data.example_shape)


def sampled_errors(
  subject: Subject, data: Source, most: int
) -> dict[str, float | None]:
  """Returns fields of `Metrics`: errors of one sample each of some images.

  Args:
    subject: one with an autoregressive decoder.
    data: the split.
    most: of the first of its images.
  """
  count = min(most, data.num_examples)
  size = pipeline.fitting(count, data)
  squares, done = 0.0, 0
  for images, _ in pipeline.in_order(data, size).take(-(-count // size)):
    images = images[: count - done]
    squares += sum_of_squares(images, subject.reconstruct(images))
    done += len(images)
  mse = squares / count / math.prod(data.example_shape)
  return {**errors(mse), 'num_sampled': count}


def measure_files(
  data: Source, batch_size: int = _BATCH_SIZE
) -> dict[str, float] | None:
  """Returns the bits/dim of the files that a split's images make, by name.

  As `image_files.bits_per_dim` has them, with a bar on a terminal; None if
  such files do not hold the examples of the split.
  """
  if not image_files.can_hold(data.example_shape):
    return None
  of_split = batches(data, 'files', batch_size)
  return image_files.bits_per_dim(images.numpy() for images, _ in of_split)


def batches(
  data: Source, title: str, batch_size: int = _BATCH_SIZE
) -> Iterator:
  """Yields a split's batches of images and labels, with a bar on a terminal."""
  with files.bar(data.num_examples, f'{data.split}, {title}') as bar:
    for images, labels in pipeline.in_order(
      data, pipeline.fitting(batch_size, data)
    ):
      yield images, labels
      bar.update(len(images))
