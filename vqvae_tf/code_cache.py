"""The codes of a data set under a trained model: codes.npz in its workdir."""

import hashlib
import json
import math
import reprlib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from vqvae_tf import build, checkpoints, configs, files, trained
from vqvae_tf.datasets import pipeline
from vqvae_tf.datasets.names import SPLITS
from vqvae_tf.datasets.source import Source
from vqvae_tf.errors import UserError

_BATCH_SIZE = 100
# What NumPy raises for a file that is no such archive, or not all of one.
_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


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
    fingerprint: of the checkpoint that made them, as `fingerprint` has it.
  """

  splits: dict[str, CodeSource]
  codebook_sizes: tuple[int, ...]
  num_dims: int
  fingerprint: str


def fingerprint(workdir: checkpoints.Workdir) -> str:
  """Returns a hexadecimal digest of the best checkpoint: settings and weights.

  Raises:
    UserError: if the workdir is not one, or has no checkpoint.
  """
  config = workdir.load_config()
  # Those that may change on resume do not matter for the codes; and a default
  # that a later version adds must not change what is on disk.
  settings = configs.observations(config) | {
    field.name: value
    for field, value in configs.fields(config)
    if value != field.default and not field.metadata['resume']
  }
  digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
  for path in workdir.weights(workdir.best_step()):
    digest.update(path.read_bytes())
  return digest.hexdigest()


def cached(
  workdir: checkpoints.Workdir, open_source: Callable[[str], Source]
) -> Codes:
  """Returns the codes of the best checkpoint, and keeps them in codes.npz.

  Args:
    workdir: of a trained model.
    open_source: takes a split to its images; it is called where the codes are
      not known yet or are those of another checkpoint.

  Raises:
    UserError: if the workdir is not one, is in use or has no checkpoint, if
      the images are not those of the model or codes.npz is damaged.
    OSError: if codes.npz cannot be written.
  """
  config = workdir.load_config()
  path = workdir.path / 'codes.npz'
  # While it is trained the best checkpoint may change.
  with workdir.locked():
    current = fingerprint(workdir)
    codes = _read(path, config) if path.exists() else None
    if codes is None or codes.fingerprint != current:
      codes = _extracted(workdir, open_source, current)
      _write(path, codes)
  return codes


def _extracted(workdir, open_source, current):
  # All of them first: missing data is no news after minutes of work.
  sources = {split: open_source(split) for split in SPLITS}
  model, config, _ = trained.load_model(workdir)
  for source in sources.values():
    if source.example_shape != config.example_shape:
      raise UserError(
        f'{workdir} takes images {config.example_shape}, but {source.name} has '
        f'{source.example_shape}'
      )
    if source.class_names != config.class_names:
      raise UserError(
        f'{workdir} was trained on the classes {_listed(config.class_names)}, '
        f'but {source.name} has {_listed(source.class_names)}'
      )
  encode = build.encoding(model, config.example_shape)
  sizes = model.quantizer.codebook_sizes
  dtype = np.min_scalar_type(max(sizes) - 1)
  splits = {}
  for split, source in sources.items():
    bar = files.bar(source.num_examples, f'{split}, codes')
    codes, labels = [], []
    with bar:
      size = pipeline.fitting(_BATCH_SIZE, source)
      for images, classes in pipeline.in_order(source, size):
        codes.append(encode(images).numpy().astype(dtype))
        labels.append(classes.numpy())
        bar.update(len(images))
    arrays = np.concatenate(codes), np.concatenate(labels)
    splits[split] = CodeSource(split, *arrays, config.class_names)
  return Codes(splits, sizes, math.prod(config.example_shape), current)


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


def _read(path: Path, config: configs.Config) -> Codes:
  try:
    with np.load(path) as arrays:
      splits = {
        split: CodeSource(
          split,
          arrays[f'{split}_codes'],
          arrays[f'{split}_labels'],
          config.class_names,
        )
        for split in SPLITS
      }
      sizes = tuple(arrays['codebook_sizes'].tolist())
      current = str(arrays['fingerprint'])
  except _UNREADABLE as error:
    raise UserError(
      f'{path} is damaged ({files.one_line(error)}): remove it, and the '
      'codes are made anew'
    ) from error
  return Codes(splits, sizes, math.prod(config.example_shape), current)
