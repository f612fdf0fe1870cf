"""Bits/dim and reconstruction quality of a workdir or an export."""

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from vqvae_tf import configs, metrics
from vqvae_tf.datasets import pipeline
from vqvae_tf.datasets.source import Source
from vqvae_tf.errors import UserError
from vqvae_tf.files import bar as progress
from vqvae_tf.media import image_files
from vqvae_tf.subjects import Subject

_BATCH_SIZE = 100
# Of an autoregressive decoder.
_NUM_SAMPLED = 256


def evaluate(subject: Subject, data: Source) -> metrics.Metrics:
  """Measures a subject over a whole split, with a bar on a terminal.

  Args:
    subject: the model.
    data: the split.

  Returns:
    `metrics.Metrics`, averages by example.

  Raises:
    UserError: if the images are of another shape than the model's.
  """
  _check_shape(subject, data)
  codes = []

  def assess(images):
    result = subject.assess(images)
    codes.append(np.asarray(result.codes))
    return result

  batches = _batches(data, 'model and prior' if subject.prior else 'model')
  result = metrics.measure(
    assess, batches, subject.codebook_sizes, _learned(subject, data)
  )
  if subject.pixel_bits and data.num_examples > 1:
    shuffled = _shuffled(subject, data, np.concatenate(codes))
    result = result._replace(shuffled_bits_per_dim=shuffled)
  if result.mse is None:
    result = result._replace(**_sampled(subject, data))
  return result


def _check_shape(subject, data):
  if tuple(data.example_shape) != tuple(subject.config.example_shape):
    raise UserError(
      f'{subject.origin} takes images {subject.config.example_shape}, but '
      f'{data.name} has {tuple(data.example_shape)}'
    )


def _learned(subject, data):
  """Returns what takes codes and labels to bits under the learned prior."""
  prior = subject.prior
  if not prior:
    return None
  # Other data may have other classes.
  has_its_classes = tuple(data.class_names) == subject.config.class_names

  def learned(codes, labels):
    labels = labels if has_its_classes else None
    sizes = subject.codebook_sizes
    return metrics.code_bits(
      prior.code_bits, prior.num_classes, sizes, codes, labels
    )

  return learned


def _shuffled(subject, data, codes):
  """Returns pixel bits/dim of images with the codes of half a split before."""
  # Far away, for neighbours in a folder are alike.
  others, done, bits = np.roll(codes, len(codes) // 2, 0), 0, 0.0
  for images, _ in _batches(data, 'shuffled codes'):
    own = others[done : done + len(images)]
    bits += float(tf.reduce_sum(subject.pixel_bits(own, images)))
    done += len(images)
  return bits / data.num_examples / math.prod(data.example_shape)


def _sampled(subject, data):
  """Returns mse and PSNR of one sample each of the first images."""
  count = min(_NUM_SAMPLED, data.num_examples)
  size = pipeline.fitting(count, data)
  squares, done = 0.0, 0
  for images, _ in pipeline.in_order(data, size).take(-(-count // size)):
    images = images[: count - done]
    squares += metrics.sum_of_squares(images, subject.reconstruct(images))
    done += len(images)
  mse = squares / count / math.prod(data.example_shape)
  return {**metrics.errors(mse), 'num_sampled': count}


def check_codeless(subject: Subject, codeless: Subject) -> None:
  """Checks that two models differ in their codes alone.

  Args:
    subject: one with codes.
    codeless: the same network, trained alike, whose codes have zero bits.

  Raises:
    UserError: if they have codes the other way round; or if another setting,
      their kind of data or the steps taken differ: it is named.
  """
  if max(codeless.codebook_sizes) > 1:
    raise UserError(
      f'{codeless.origin} has codes: train it with --quantizer=ema '
      '--num_embeddings=1'
    )
  if max(subject.codebook_sizes) == 1:
    raise UserError(f'{subject.origin} has no codes to be compared with')
  ours, theirs = (_without_codes(s) for s in (subject, codeless))
  for name, value in ours.items():
    if value != theirs[name]:
      raise UserError(
        f'{codeless.origin} is another network: it was trained with '
        f'{name}={theirs[name]}, and {subject.origin} with {value}'
      )


def _without_codes(subject):
  """Returns what was trained on what for how long, but for what may differ."""
  config = dataclasses.replace(
    subject.config, quantizer=configs.QuantizerConfig(), run=configs.RunConfig()
  )
  config = configs.replace(config, data_dir='', seed=0)
  # Asked for may have been more steps than were taken.
  return (
    {f'--{field.name}': value for field, value in configs.fields(config)}
    | configs.observations(config)
    | {'--steps': subject.last_step}
  )


def compare_codeless(
  result: metrics.Metrics, codeless: Subject, data: Source
) -> metrics.Metrics:
  """Adds the pixel bits of the same network trained without codes.

  Args:
    result: of the network with codes, on `data`.
    codeless: one that `check_codeless` accepts.
    data: the split.
  """
  batches = _batches(data, 'without codes')
  bare = metrics.measure(codeless.assess, batches, codeless.codebook_sizes)
  return result._replace(codeless_bits_per_dim=bare.pixel_bits_per_dim)


def measure_files(data: Source) -> dict[str, float] | None:
  """Returns the bits/dim of the files that a split's images make, by name.

  As `image_files.bits_per_dim` has them, with a bar on a terminal; None if
  such files do not hold the examples of the split.
  """
  if not image_files.can_hold(data.example_shape):
    return None
  batches = _batches(data, 'files')
  return image_files.bits_per_dim(images.numpy() for images, _ in batches)


def _batches(data, title) -> Iterator:
  """Yields a split's batches, with a bar on a terminal."""
  bar = progress(data.num_examples, f'{data.split}, {title}')
  with bar:
    size = pipeline.fitting(_BATCH_SIZE, data)
    for images, labels in pipeline.in_order(data, size):
      yield images, labels
      bar.update(len(images))


def table(result: metrics.Metrics, files: dict | None = None) -> str:
  """Returns the metrics as lines for the screen.

  Args:
    result: of a split.
    files: of the same split, as `measure_files` returns them.
  """
  rows = [
    ('images', f'{result.num_examples:,}'),
    ('bits/dim', f'{_number(result.bits_per_dim):.4f}', _interval(result)),
    ('  pixels, -log2 p(x|z)', f'{_number(result.pixel_bits_per_dim):.4f}'),
    *_rows_of_priors(result),
    *_rows_of_codes(result),
    *_rows_of_errors(result),
    ('codes in use', f'{100 * result.codes_in_use:.1f} %'),
    ('perplexity of the codes', f'{result.perplexity:.1f}'),
    ('entropy of a code', f'{result.entropy_bits:.3f} bits'),
  ]
  if files:
    rows += _file_rows(files)
  return '\n'.join(
    f'{name:<30}{value:>12}{"".join(rest)}' for name, value, *rest in rows
  )


def _rows_of_priors(result):
  """Yields what the codes cost."""
  uniform = f'{result.code_bits_per_dim:.4f}'
  learned, given_class = (
    result.code_bits_learned_per_dim,
    result.code_bits_given_class_per_dim,
  )
  if learned is None:
    yield '  codes, uniform p(z)', uniform
    return
  note = f' = {result.bits_per_code:.4f} bits per code'
  yield '  codes, learned p(z)', f'{learned:.4f}', note
  if given_class is not None:
    yield 'codes, p(z|y) given the class', f'{given_class:.4f}'
  yield 'codes, uniform p(z)', uniform
  total = _number(result.pixel_bits_per_dim) + result.code_bits_per_dim
  yield 'bits/dim, uniform p(z)', f'{total:.4f}'


def _rows_of_codes(result):
  """Yields what the codes are worth."""
  shuffled, codeless = (
    result.shuffled_bits_per_dim,
    result.codeless_bits_per_dim,
  )
  if shuffled is not None:
    yield 'pixels, codes of others', f'{shuffled:.4f}'
  if codeless is not None:
    yield 'pixels, trained without codes', f'{codeless:.4f}'
    saved = codeless - _number(result.pixel_bits_per_dim)
    prior, cost = 'learned', result.code_bits_learned_per_dim
    if cost is None:
      prior, cost = 'uniform', result.code_bits_per_dim
    note = f' under the {prior} p(z)'
    # A prior is sure of codes that never change.
    worth = saved / cost if cost else math.nan
    yield 'bits saved per bit of codes', f'{worth:.3f}', note


def _rows_of_errors(result):
  if result.mse is None:
    return
  decibels = _number(result.psnr_db)
  count = f' one sample each, {result.num_sampled} images'
  note = count if result.num_sampled else ''
  yield 'MSE (grey levels squared)', f'{result.mse:.2f}', note
  yield 'PSNR', f'{decibels:.2f} dB', note


def _number(value):
  """Returns a value that JSON had no word for: infinity."""
  return math.inf if value is None else value


def _interval(result):
  error = _number(result.bits_per_dim_error)
  # One image has no interval.
  if not math.isfinite(error):
    return ''
  return f' +- {error:.4f} (95 %)'


def _file_rows(files):
  yield 'files of them, bits/dim', '', ' headers included'
  for name, value in files.items():
    yield f'  {image_files.DESCRIPTIONS[name]}', f'{value:.4f}'
