"""Data sets that tensorflow-datasets has prepared or can download."""

import hashlib
import os
import pathlib
import threading
import zlib
from typing import Any

import numpy as np
import tensorflow as tf

from vqvae_tf.datasets import names
from vqvae_tf.datasets.source import Arrays
from vqvae_tf.errors import UserError
from vqvae_tf.files import one_line

_PROBE_SECONDS = 3
_READ_BATCH = 1024


def default_dir() -> pathlib.Path:
  """The folder that tensorflow-datasets uses when none is given."""
  home = pathlib.Path.home() / 'tensorflow_datasets'
  return pathlib.Path(os.environ.get('TFDS_DATA_DIR', home))


def find(folder: pathlib.Path, name: str) -> pathlib.Path | None:
  """The newest prepared version of a data set in a folder, or None."""
  versions = []
  for info in (folder / name).glob('[0-9]*/dataset_info.json'):
    numbers = info.parent.name.split('.')
    if all(number.isdigit() for number in numbers):
      versions.append(([int(number) for number in numbers], info.parent))
  return max(versions)[1] if versions else None


def download(folder: pathlib.Path, name: str) -> pathlib.Path | None:
  """Downloads and prepares a data set, if its host answers in 3 seconds.

  Args:
    folder: tensorflow-datasets' folder; the files go to a folder in it.
    name: a data set of tensorflow-datasets.

  Returns:
    Where the prepared data lies, or None if the host does not answer.

  Raises:
    UserError: the host answers, but the download fails.
  """
  library = _library()
  builder = library.builder(name, data_dir=os.fspath(folder))
  # Asked first, because the library alone tries for minutes without a network.
  urls = list(builder.url_infos)
  if urls and not _answers(urls[0]):
    return None
  try:
    builder.download_and_prepare(
      # The mirror is another host, one that was not asked.
      download_config=library.download.DownloadConfig(try_download_gcs=False)
    )
  except Exception as error:
    raise UserError(
      f'the download of {name} to {folder} failed: {one_line(error)}'
    ) from error
  return pathlib.Path(builder.data_dir)


def prepared(folder: pathlib.Path, name: str) -> Any:
  """Returns the builder of a data set whose files are there, or were fetched.

  Args:
    folder: tensorflow-datasets' folder.
    name: NAME or NAME/CONFIG.

  Raises:
    UserError: there is no such set, or it is not to be had.
  """
  library = _library()
  path = find(folder, name) or _prepared_by_library(folder, name)
  path = path or download(folder, name)
  if path is None:
    raise UserError(
      f'no data for tfds:{name}: it is not prepared in {folder}, and no '
      'network answers to download it; pass --data_dir=FOLDER where it is, or '
      'train with --dataset=digits, which needs none'
    )
  try:
    return library.builder_from_directory(os.fspath(path))
  except Exception as error:
    raise UserError(
      f'the prepared data in {path} cannot be read: {one_line(error)}'
    ) from error


def _prepared_by_library(folder, name):
  """Returns where the library would prepare a set, if it has; or None."""
  library = _library()
  try:
    builder = library.builder(name, data_dir=os.fspath(folder))
  except library.core.DatasetNotFoundError as error:
    own = library.list_builders(with_community_datasets=False)
    hint = names.nearest(name.partition('/')[0], own)
    raise UserError(
      f'no data set tfds:{name} is known to tensorflow-datasets or prepared in '
      f'{folder}{": " if hint else ""}{hint}'
    ) from error
  except Exception as error:
    raise UserError(f'tfds:{name}: {one_line(error)}') from error
  path = pathlib.Path(builder.data_dir)
  return path if (path / 'dataset_info.json').exists() else None


def in_order(builder: Any, part: str, **options: Any) -> tf.data.Dataset:
  """Returns the examples of a part as they lie in the files, each time alike.

  Args:
    builder: of a prepared data set.
    part: as tensorflow-datasets writes it.
    **options: of `as_dataset`.
  """
  return builder.as_dataset(
    split=part,
    read_config=_library().ReadConfig(
      interleave_cycle_length=1, try_autocache=False
    ),
    **options,
  )


def image_feature(features: Any) -> Any | None:
  """Returns the feature 'image', if there is one and it is an image."""
  return _feature(features, 'image', _library().features.Image)


def integer_feature(features: Any, name: str) -> Any | None:
  """Returns the feature of a name, if there is one and it is an integer."""
  feature = _feature(features, name, _library().features.Tensor)
  is_integer = (
    feature is not None
    and feature.shape == ()
    and np.issubdtype(feature.np_dtype, np.integer)
  )
  return feature if is_integer else None


def _feature(features, name, kind):
  if name not in getattr(features, 'keys', tuple)():
    return None
  return features[name] if isinstance(features[name], kind) else None


def tfds_arrays(
  path: pathlib.Path, part: str, labels_crc32: int | None = None
) -> Arrays:
  """Reads prepared data, in the order in which the data set was published.

  Args:
    path: folder of one prepared version.
    part: 'train' or 'test'.
    labels_crc32: of the published label bytes; None checks nothing.

  Returns:
    Images uint8 [n, H, W, C] and labels int32 [n].

  Raises:
    UserError: the files cannot be read, or the order is not the published one.
  """
  library = _library()
  try:
    builder = library.builder_from_directory(os.fspath(path))
    dataset = in_order(builder, part, as_supervised=True)
    batches = list(dataset.batch(_READ_BATCH).as_numpy_iterator())
    images, labels = map(np.concatenate, zip(*batches, strict=True))
  except Exception as error:
    raise UserError(
      f'the prepared data in {path} cannot be read: {one_line(error)}'
    ) from error
  order = _published_places(len(labels), part)
  images[order], labels[order] = images.copy(), labels.copy()
  found = zlib.crc32(labels.astype(np.uint8).tobytes())
  if labels_crc32 is not None and found != labels_crc32:
    raise UserError(
      f'the prepared data in {path} is not the published {part} data (checksum '
      f'of the labels {found}, expected {labels_crc32}); remove it, or pass '
      '--data_dir with the original files'
    )
  return Arrays(images, labels.astype(np.int32))


def _published_places(num_examples, part):
  """Place in the published order of each example in the prepared order.

  The library stores examples by the MD5 of the part's name and of their
  number. Undoing that gives every machine the same validation split, whichever
  way the data came to it.
  """
  return sorted(
    range(num_examples),
    key=lambda i: hashlib.md5(f'{part}{i}'.encode()).digest(),
  )


def _library():
  # Loaded here, because whoever has the original files can do without it.
  try:
    import tensorflow_datasets
  except ImportError as error:
    raise UserError(
      f'tensorflow-datasets cannot be loaded ({error}): '
      'pip install tensorflow-datasets importlib_resources'
    ) from error
  return tensorflow_datasets


def _answers(url):
  """Whether a host answers in time, through a proxy where there is one."""
  # A dependency of tensorflow-datasets, and what it downloads with.
  import requests

  answered = threading.Event()

  def ask():
    try:
      reply = requests.head(url, timeout=_PROBE_SECONDS, allow_redirects=True)
    except (OSError, ValueError):  # all of the library's are OSErrors
      return
    if reply.ok:
      answered.set()

  # The look-up of a name heeds no time limit, hence the thread.
  asking = threading.Thread(target=ask, daemon=True)
  asking.start()
  asking.join(_PROBE_SECONDS)
  return answered.is_set()
