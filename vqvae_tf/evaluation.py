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
    config: the configuration it was trained with.
    codebook_sizes: K of each codebook.
    origin: what to call it: where it came from.
  """

  assess: Callable[[tf.Tensor], Assessment]
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
  assess = build.assessment(model, config.image_shape)
  sizes = model.quantizer.codebook_sizes
  return Subject(assess, config, sizes, f'{workdir}, step {step}')


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

  def assess(images):
    images = tf.constant(images)
    nll = sign['nll'](images=images)
    return Assessment(
      nll['pixel_bits'],
      nll['code_bits_uniform'],
      sign['encode'](images=images)['codes'],
      sign['reconstruct'](images=images)['images'],
    )

  return Subject(assess, config, codebook_sizes, str(path))


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
  batches = pipeline.in_order(data, _BATCH_SIZE)
  batches = _with_bar(batches, data.num_examples, f'{data.split}, model')
  return metrics.measure(subject.assess, batches, subject.codebook_sizes)


def measure_files(data: Source) -> dict[str, float]:
  """Returns the bits/dim of the files that a split's images make, by name.

  As `file_sizes.bits_per_dim` has them; with a bar on a terminal.
  """
  batches = pipeline.in_order(data, _BATCH_SIZE)
  batches = _with_bar(batches, data.num_examples, f'{data.split}, files')
  return file_sizes.bits_per_dim(images.numpy() for images, _ in batches)


def _with_bar(batches, num_examples, title) -> Iterator:
  bar = tqdm.tqdm(
    total=num_examples, unit='image', desc=title, leave=False, disable=None
  )
  with bar:
    for images, labels in batches:
      yield images, labels
      bar.update(len(images))


def table(result: metrics.Metrics, files: dict | None = None) -> str:
  """Returns the metrics as lines for the screen.

  Args:
    result: of a split.
    files: of the same split, as `measure_files` returns them.
  """
  # JSON has no word for the infinity of a perfect reconstruction.
  psnr_db = math.inf if result.psnr_db is None else result.psnr_db
  rows = [
    ('images', f'{result.num_examples:,}'),
    ('bits/dim', f'{result.bits_per_dim:.4f}', _interval(result)),
    ('  pixels, -log2 p(x|z)', f'{result.pixel_bits_per_dim:.4f}'),
    ('  codes, uniform p(z)', f'{result.code_bits_per_dim:.4f}'),
    ('MSE (grey levels squared)', f'{result.mse:.2f}'),
    ('PSNR', f'{psnr_db:.2f} dB'),
    ('codes in use', f'{100 * result.codes_in_use:.1f} %'),
    ('perplexity of the codes', f'{result.perplexity:.1f}'),
    ('entropy of a code', f'{result.entropy_bits:.3f} bits'),
  ]
  if files:
    rows += _file_rows(files)
  return '\n'.join(
    f'{name:<28}{value:>12}{"".join(rest)}' for name, value, *rest in rows
  )


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
