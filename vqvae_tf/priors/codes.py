"""The codes of a data set under a trained model: codes.npz in its workdir."""

import math
import reprlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from vqvae_tf import build, files
from vqvae_tf.datasets import pipeline
from vqvae_tf.datasets.names import SPLITS
from vqvae_tf.datasets.source import Source
from vqvae_tf.errors import UserError
from vqvae_tf.models import model_doors
from vqvae_tf.runs.run import Run

_BATCH_SIZE = 100
# What NumPy raises for a file that is no such archive, or not all of one.
_UNREADABLE = (OSError, ValueError, KeyError)


class CodeSource(Source):
  """The codes of a split, in the place of its examples.

  Attributes:
    codes: `[n, ..., M]` of an unsigned dtype; `fetch` returns int32.
    labels: int32 `[n]`.
    example_shape: [..., M], of images (h, w, M).
  """

  def __init__(
    self,
    split: str,
    codes: np.ndarray,
    labels: np.ndarray,
    class_names: tuple[str, ...] = (),
  ):
    super().__init__('codes', split, len(codes), codes.shape[1:], class_names)
    self.codes, self.labels = codes, labels
    # Main memory, as for images.
    with tf.device('CPU'):
      self._codes = tf.constant(codes)
      self._labels = tf.constant(labels, tf.int32)

  def fetch(self, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    with tf.device('CPU'):
      codes = tf.cast(tf.gather(self._codes, indices), tf.int32)
      return codes, tf.gather(self._labels, indices)


class Codes(NamedTuple):
  """All codes of a data set.

  Attributes:
    splits: the codes of 'train', 'validation' and 'test'.
    codebook_sizes: K of each of the M codebooks.
    num_dims: of an example; of an image H W C.
    fingerprint: of the checkpoint that made them, as `Run.fingerprint` has it.
  """

  splits: dict[str, CodeSource]
  codebook_sizes: tuple[int, ...]
  num_dims: int
  fingerprint: str


def cached(run: Run, open_source: Callable[[str], Source]) -> Codes:
  """Returns the codes of the best checkpoint, and keeps them in codes.npz.

  Args:
    run: of a trained model.
    open_source: takes a split to its images; it is called where the codes are
      not known yet or are those of another checkpoint.

  Raises:
    UserError: if the workdir is not one, is in use or has no checkpoint, if
      the images are not those of the model or codes.npz is damaged.
    OSError: if codes.npz cannot be written.
  """
  # A lock would make the folder of a run that does not exist.
  _ = run.config
  path = run.workdir.path / 'codes.npz'
  # While it is trained the best checkpoint may change.
  with run.workdir.locked():
    codes = _read(path, run) if path.exists() else None
    if codes is None:
      codes = _extracted(run, open_source)
      _write(path, codes)
  return codes


def _extracted(run, open_source):
  # All of them first: missing data is no news after minutes of work.
  sources = {split: open_source(split) for split in SPLITS}
  config, model = run.config, run.model
  for source in sources.values():
    config.check_shape(str(run), source.name, source.example_shape)
    if source.class_names != config.class_names:
      raise UserError(
        f'{run} was trained on the classes {_listed(config.class_names)}, '
        f'but {source.name} has {_listed(source.class_names)}'
      )
  encode = model_doors(model, config.example_shape)['encode']
  sizes = model.quantizer.codebook_sizes
  dtype = np.min_scalar_type(max(sizes) - 1)
  splits = {}
  for split, source in sources.items():
    codes, labels = [], []
    with files.bar(source.num_examples, f'{split}, codes') as bar:
      size = pipeline.fitting(_BATCH_SIZE, source)
      for images, classes in pipeline.in_order(source, size):
        codes.append(encode(images)['codes'].numpy().astype(dtype))
        labels.append(classes.numpy())
        bar.update(len(images))
    arrays = np.concatenate(codes), np.concatenate(labels)
    splits[split] = CodeSource(split, *arrays, config.class_names)
  return Codes(splits, sizes, math.prod(config.example_shape), run.fingerprint)


def _listed(class_names):
  return reprlib.repr(list(class_names))


def _write(path: Path, codes: Codes) -> None:
  arrays = {
    'codebook_sizes': np.array(codes.codebook_sizes),
    'fingerprint': np.array(codes.fingerprint),
  }
  for split, source in codes.splits.items():
    arrays[f'{split}_codes'] = source.codes
    arrays[f'{split}_labels'] = source.labels
  files.write_arrays(path, arrays)


def _read(path: Path, run: Run) -> Codes | None:
  """Returns the codes in a file; None if they are those of another model."""
  config = run.config
  try:
    found = files.read_arrays(path)
    if str(found['fingerprint']) != run.fingerprint:
      return None
    sizes = build.codebook_sizes(config.quantizer)
    if found['codebook_sizes'].tolist() != list(sizes):
      raise ValueError(f'its codebook_sizes are not those of {run}')
    splits = {
      split: CodeSource(
        split, *_checked(found, split, config), config.class_names
      )
      for split in SPLITS
    }
  except _UNREADABLE as error:
    raise UserError(
      f'{path} is damaged ({files.one_line(error)}): remove it, and the '
      'codes are made anew'
    ) from error
  return Codes(splits, sizes, math.prod(config.example_shape), run.fingerprint)


def _checked(found, split, config):
  """Returns codes and labels of a split that can be what they are read as.

  Raises:
    ValueError: if they cannot.
  """
  codes, labels = found[f'{split}_codes'], found[f'{split}_labels']
  shape, num_classes = build.code_shape(config), len(config.class_names)
  is_fine = codes.dtype.kind == 'u' and codes.shape[1:] == shape
  if not is_fine or not codes.size:
    raise ValueError(f'codes {codes.dtype} {codes.shape} are none')
  if labels.dtype.kind not in 'iu' or labels.shape != codes.shape[:1]:
    raise ValueError(f'labels {labels.dtype} {labels.shape} are none')
  if (codes >= np.array(build.codebook_sizes(config.quantizer))).any():
    raise ValueError('a code is larger than its codebook')
  is_known = not num_classes or ((labels >= 0) & (labels < num_classes)).all()
  if not is_known:
    raise ValueError('a label is no class')
  return codes, labels
