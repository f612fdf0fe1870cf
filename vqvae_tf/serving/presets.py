"""Where a preset lies: a folder, a .zip file, a hub; and back to a folder.

A preset is an export: the folder of a SavedModel with its metadata and card.
"""

import functools
import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from vqvae_tf import files
from vqvae_tf.errors import UserError
from vqvae_tf.serving import shipped

# No model of ours is larger; an archive that says it is is no model.
_MOST_BYTES = 2**32


def find(preset: str | os.PathLike) -> Path:
  """Returns the folder of a preset.

  Args:
    preset: a folder, a .zip file of an export, a name as `shipped.find` takes
      it, or hf://USER/MODEL or kaggle://USER/MODEL/FRAMEWORK/VARIATION.

  Raises:
    UserError: if there is none, or it is damaged, or a library that downloads
      it is not installed.
  """
  text = os.fspath(preset)
  if text.startswith('hf://'):
    return _hugging_face(text)
  if text.startswith('kaggle://'):
    return _kaggle(text)
  path = shipped.find(text)
  return _unpacked(path) if path.suffix == '.zip' else path


def save(write: Callable[[Path], object], path: str | os.PathLike) -> Path:
  """Writes a preset to a folder, or to a .zip file of one.

  Args:
    write: writes the export to a folder that is not there.
    path: of the folder or the file.

  Returns:
    `path`.

  Raises:
    UserError: if there is something already.
    OSError: if it cannot be written.
  """
  path = Path(path)
  if path.exists():
    raise UserError(f'{path} exists already: name another place')
  if path.suffix != '.zip':
    write(path)
    return path
  with (
    tempfile.TemporaryDirectory() as folder,
    files.written(path) as aside,
  ):
    write(Path(folder) / 'model')
    shutil.make_archive(str(aside), 'zip', Path(folder) / 'model')
    # It adds its suffix.
    Path(f'{aside}.zip').rename(aside)
  return path


def _hugging_face(text):
  try:
    import huggingface_hub
  except ImportError as error:
    raise _missing(text, 'huggingface_hub') from error
  return _downloaded(
    text,
    lambda: huggingface_hub.snapshot_download(text.removeprefix('hf://')),
  )


def _kaggle(text):
  try:
    import kagglehub
  except ImportError as error:
    raise _missing(text, 'kagglehub') from error
  return _downloaded(
    text, lambda: kagglehub.model_download(text.removeprefix('kaggle://'))
  )


def _missing(text, library):
  return UserError(
    f'{text} needs {library}, which is not installed: pip install {library}'
  )


def _downloaded(text, download):
  try:
    return Path(download())
  # Each library has its own errors, of its own and of what it calls.
  except Exception as error:
    reason = files.one_line(error)
    raise UserError(f'cannot download {text}: {reason}') from error


def _unpacked(path):
  """Returns the folder that a .zip file holds, unpacked for this process."""
  try:
    stamp = path.stat()
    return _unpacked_once(path.resolve(), stamp.st_mtime_ns, stamp.st_size)
  except (OSError, ValueError, zipfile.BadZipFile) as error:
    raise UserError(
      f'{path} is no export in a .zip file, or is damaged: '
      f'{files.one_line(error)}'
    ) from error


@functools.cache
def _unpacked_once(path, *stamp):
  name = hashlib.sha256(repr((path, *stamp)).encode()).hexdigest()[:8]
  folder = Path(_scratch().name) / name
  with zipfile.ZipFile(path) as archive:
    if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
      raise ValueError('it is too large')
    # It leaves out what would lead out of the folder.
    archive.extractall(folder)
  # An archive of a folder has one folder in it.
  inside = list(folder.iterdir())
  return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


@functools.cache
def _scratch():
  return tempfile.TemporaryDirectory(prefix='vqvae_tf-')
