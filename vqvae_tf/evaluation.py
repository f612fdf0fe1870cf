"""Bits/dim and reconstruction quality of a workdir or an export."""

import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf
import tqdm

from vqvae_tf import (
  build,
  checkpoints,
  configs,
  file_sizes,
  metrics,
  reporting,
)
from vqvae_tf.averaging import Averaging
from vqvae_tf.datasets import pipeline
from vqvae_tf.datasets.source import Source
from vqvae_tf.errors import UserError
from vqvae_tf.models import VQVAE, Assessment

_BATCH_SIZE = 100
# Of an autoregressive decoder.
_NUM_SAMPLED = 256

# What loading a SavedModel or reading its metadata raises.
_DAMAGE = (
  KeyError,
  TypeError,
  ValueError,
  OSError,
  UserError,
  tf.errors.OpError,
)


class Subject(NamedTuple):
  """What is evaluated, wherever it comes from.

  Attributes:
    assess: takes uint8 `[B, H, W, C]` to an `Assessment`.
    reconstruct: takes uint8 `[B, H, W, C]` to what the decoder makes of their
      codes, in the same form; a seeded sample if it is autoregressive.
    pixel_bits: takes codes int32 `[B, h, w, M]` and uint8 `[B, H, W, C]` to
      -log2 p(x | z), bits `[B]`; None of an export that was made without it.
    config: the configuration it was trained with.
    codebook_sizes: K of each codebook.
    origin: what to call it: where it came from.
  """

  assess: Callable[[tf.Tensor], Assessment]
  reconstruct: Callable[[tf.Tensor], tf.Tensor]
  pixel_bits: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None
  config: configs.Config
  codebook_sizes: tuple[int, ...]
  origin: str


def load_model(
  workdir: checkpoints.Workdir, step: int | None = None
) -> tuple[VQVAE, configs.Config, int]:
  """Rebuilds the model of a workdir, with averaged weights if it has them.

  Args:
    workdir: of a run with a checkpoint.
    step: which checkpoint; None takes the best by validation.

  Returns:
    The model, its configuration and the step.

  Raises:
    UserError: if the workdir is not one, or its checkpoint is missing, damaged
      or of another model.
  """
  config = workdir.load_config()
  step = workdir.best_step() if step is None else step
  model = build.model(config)
  images = tf.zeros([1, *config.image_shape], tf.uint8)
  model.assess(images)
  # Under the names that the trainer saved them by.
  trainer = tf.train.Checkpoint(model=model)
  decay, weights = config.optimizer.average_decay, model.trainable_variables
  if decay:
    trainer.averaging = Averaging(decay, weights)
  workdir.restore(tf.train.Checkpoint(trainer=trainer), step)
  if decay:
    trainer.averaging.assign_to(weights)
  return model, config, step


def from_workdir(workdir: checkpoints.Workdir) -> Subject:
  """Returns the best checkpoint of a workdir; raises as `load_model`."""
  model, config, step = load_model(workdir)
  functions = (
    build.assessment(model, config.image_shape),
    build.reconstruction(model, config.image_shape),
    build.pixel_bits(model, config.image_shape),
  )
  sizes = model.quantizer.codebook_sizes
  return Subject(*functions, config, sizes, f'{workdir}, step {step}')


def from_export(path: str | os.PathLike) -> Subject:
  """Returns an exported model, run by its own signatures.

  Raises:
    UserError: if `path` is no export of vqvae_tf, or is damaged.
  """
  metadata = read_metadata(path)
  try:
    config = configs.from_json(json.dumps(metadata['config']))
    codebook_sizes = tuple(metadata['codebook_sizes'])
    sign = tf.saved_model.load(str(path)).signatures
  except _DAMAGE as error:
    raise UserError(
      f'the export {path} is damaged: {checkpoints.one_line(error)}'
    ) from error

  autoregressive = config.likelihood.decoder == 'autoregressive'

  def assess(images):
    images = tf.constant(images)
    nll = sign['nll'](images=images)
    return Assessment(
      nll['pixel_bits'],
      nll['code_bits_uniform'],
      sign['encode'](images=images)['codes'],
      None if autoregressive else reconstruct(images),
    )

  def reconstruct(images):
    seed = {'seed': tf.constant(build.SEED)} if autoregressive else {}
    return sign['reconstruct'](images=tf.constant(images), **seed)['images']

  def pixel_bits(codes, images):
    return sign['pixel_bits'](codes=codes, images=images)['pixel_bits']

  return Subject(
    assess,
    reconstruct,
    pixel_bits if 'pixel_bits' in sign else None,
    config,
    codebook_sizes,
    str(path),
  )


def read_metadata(path: str | os.PathLike) -> dict:
  """Returns metadata.json of an export.

  Raises:
    UserError: if there is none.
  """
  file = Path(path) / 'assets' / 'metadata.json'
  try:
    return json.loads(file.read_text())
  except (OSError, ValueError) as error:
    raise UserError(
      f'{path} is no export of vqvae_tf: {file} is missing or damaged; make '
      'one with bin/export --workdir=...'
    ) from error


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
  if tuple(data.image_shape) != tuple(subject.config.image_shape):
    raise UserError(
      f'{subject.origin} takes images {subject.config.image_shape}, but '
      f'{data.name} has {tuple(data.image_shape)}'
    )
  batches = _batches(data, 'model')
  result = metrics.measure(subject.assess, batches, subject.codebook_sizes)
  if subject.pixel_bits:
    result = result._replace(shuffled_bits_per_dim=_shuffled(subject, data))
  if result.mse is None:
    result = result._replace(**_sampled(subject, data))
  return result


def _shuffled(subject, data):
  """Returns pixel bits/dim with the codes of the image before, from #2 on."""
  if data.num_examples < 2:
    return None
  bits, last = 0.0, None
  for images, _ in _batches(data, 'shuffled codes'):
    codes = subject.assess(images).codes
    if last is None:
      before, images = codes[:-1], images[1:]
    else:
      before = tf.concat([last, codes[:-1]], 0)
    last = codes[-1:]
    if len(images):
      bits += float(tf.reduce_sum(subject.pixel_bits(before, images)))
  return bits / (data.num_examples - 1) / math.prod(data.image_shape)


def _sampled(subject, data):
  """Returns mse and PSNR of one sample each of the first images."""
  count = min(_NUM_SAMPLED, data.num_examples)
  images, _ = next(iter(pipeline.in_order(data, count)))
  squares = metrics.sum_of_squares(images, subject.reconstruct(images))
  mse = squares / count / math.prod(data.image_shape)
  return {**metrics.errors(mse), 'num_sampled': count}


def compare_codeless(
  result: metrics.Metrics, codeless: Subject, data: Source
) -> metrics.Metrics:
  """Adds the pixel bits of the same network trained without codes.

  Args:
    result: of the network with codes, on `data`.
    codeless: one whose codes have zero bits, K = 1.
    data: the split.

  Raises:
    UserError: if the codes have bits, or the images another shape.
  """
  if max(codeless.codebook_sizes) > 1:
    raise UserError(
      f'{codeless.origin} has codes: train it with --num_embeddings=1'
    )
  bare = evaluate(codeless._replace(pixel_bits=None), data)
  return result._replace(codeless_bits_per_dim=bare.pixel_bits_per_dim)


def measure_files(data: Source) -> dict[str, float]:
  """Returns the bits/dim of the files that a split's images make, by name.

  As `file_sizes.bits_per_dim` has them; with a bar on a terminal.
  """
  batches = _batches(data, 'files')
  return file_sizes.bits_per_dim(images.numpy() for images, _ in batches)


def _batches(data, title) -> Iterator:
  """Yields a split's batches, with a bar on a terminal."""
  bar = tqdm.tqdm(
    total=data.num_examples,
    unit='image',
    desc=f'{data.split}, {title}',
    leave=False,
    disable=None,
  )
  with bar:
    for images, labels in pipeline.in_order(data, _BATCH_SIZE):
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
    ('bits/dim', f'{result.bits_per_dim:.4f}', _interval(result)),
    ('  pixels, -log2 p(x|z)', f'{result.pixel_bits_per_dim:.4f}'),
    ('  codes, uniform p(z)', f'{result.code_bits_per_dim:.4f}'),
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
    saved = codeless - result.pixel_bits_per_dim
    per_bit = saved / result.code_bits_per_dim
    yield 'bits saved per bit of codes', f'{per_bit:.3f}'


def _rows_of_errors(result):
  if result.mse is None:
    return
  # JSON has no word for the infinity of a perfect reconstruction.
  decibels = math.inf if result.psnr_db is None else result.psnr_db
  count = f' one sample each, {result.num_sampled} images'
  note = count if result.num_sampled else ''
  yield 'MSE (grey levels squared)', f'{result.mse:.2f}', note
  yield 'PSNR', f'{decibels:.2f} dB', note


def _interval(result):
  error = result.bits_per_dim_error
  # One image has no interval; JSON has no word for that infinity either.
  if error is None or not math.isfinite(error):
    return ''
  return f' +- {error:.4f} (95 %)'


def _file_rows(files):
  yield 'files of them, bits/dim', '', ' headers included'
  for name, value in files.items():
    yield f'  {file_sizes.DESCRIPTIONS[name]}', f'{value:.4f}'


def write(
  path: Path, split: str, result: metrics.Metrics, files: dict | None = None
) -> None:
  """Adds a split's metrics to a JSON file, keeping those of other splits.

  Args:
    path: the file.
    split: whose metrics it will hold anew.
    result: its fields become those of the split.
    files: as `measure_files` returns them; they become the field 'files'.

  Raises:
    UserError: if the file is damaged.
    OSError: if it cannot be written.
  """
  values = reporting.finite(result._asdict())
  if files:
    values['files'] = files
  known = read_metrics(path) | {split: values}
  checkpoints.write_text(path, json.dumps(known, indent=2) + '\n')


def read_metrics(path: Path) -> dict[str, dict]:
  """Returns the metrics in a JSON file by split; none if there is no file.

  Raises:
    UserError: if the file is damaged.
  """
  if not path.exists():
    return {}
  try:
    return dict(json.loads(path.read_text()))
  except (ValueError, TypeError) as error:
    raise UserError(
      f'{path} is damaged ({error}): remove it and evaluate again'
    ) from error
