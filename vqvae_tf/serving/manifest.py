"""The manifest of an export: size and digest of each of its other files.

A SavedModel is a program. The manifest finds what an accident did to it; it
cannot tell who made it, as whoever changes the files can change it, too.
"""

import hashlib
from pathlib import Path

from vqvae_tf import files

PLACE = Path('assets.extra') / 'manifest.json'


def write(folder: Path) -> None:
  """Writes the manifest of a folder, of all files that are in it now."""
  files.write_json(folder / PLACE, {'files': _digests(folder, _names(folder))})


def exists(folder: Path) -> bool:
  """Returns whether an export has a manifest: an early one has none."""
  return (folder / PLACE).exists()


def check(folder: Path) -> None:
  """Compares the files with the manifest, before anything else reads them.

  Where there is none, nothing is known of them.

  Raises:
    OSError: if a file cannot be read.
    ValueError: if a file is missing or changed.
  """
  if not exists(folder):
    return
  try:
    [(name, known)] = files.read_json(folder / PLACE).items()
    if name != 'files':
      raise ValueError(f'{name!r:.40} is unknown')
    names = sorted(known)
  except (ValueError, LookupError, TypeError) as error:
    raise ValueError(f'{PLACE} is damaged: {files.one_line(error)}') from error
  if missing := set(names) - set(_names(folder)):
    raise ValueError(f'{min(missing)} is missing')
  for name, found in _digests(folder, names).items():
    if known[name] != found:
      raise ValueError(f'{name} is not as {PLACE} says that it was written')


def _names(folder):
  paths = (path for path in folder.rglob('*') if path.is_file())
  names = {path.relative_to(folder).as_posix() for path in paths}
  return sorted(names - {PLACE.as_posix()})


def _digests(folder, names):
  """Returns [size in bytes, SHA-256] of files by name."""
  found = {}
  for name in names:
    content = (folder / name).read_bytes()
    found[name] = [len(content), hashlib.sha256(content).hexdigest()]
  return found
