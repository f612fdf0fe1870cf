"""Data sets that tensorflow-datasets has prepared or can download."""

import hashlib
import os
import pathlib
import threading
import zlib

import numpy as np

from vqvae_tf.datasets.source import Arrays
from vqvae_tf.errors import UserError

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
  if not _answers(next(iter(builder.url_infos))):
    return None
  try:
    builder.download_and_prepare(
      # The mirror is another host, one that was not asked.
      download_config=library.download.DownloadConfig(try_download_gcs=False)
    )
  except Exception as error:
    raise UserError(
      f'the download of {name} to {folder} failed: {_one_line(error)}'
    ) from error
  return pathlib.Path(builder.data_dir)


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
    dataset = library.builder_from_directory(os.fspath(path)).as_dataset(
      split=part,
      as_supervised=True,
      read_config=library.ReadConfig(
        interleave_cycle_length=1, try_autocache=False
      ),
    )
    batches = list(dataset.batch(_READ_BATCH).as_numpy_iterator())
    images, labels = map(np.concatenate, zip(*batches, strict=True))
  except Exception as error:
    raise UserError(
      f'the prepared data in {path} cannot be read: {_one_line(error)}'
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


def _one_line(error):
  lines = str(error).strip().splitlines()
  return lines[0] if lines else type(error).__name__
