"""Where the files of an image folder lie, and to which split each belongs."""

import os
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

from vqvae_tf.datasets import names as data_names
from vqvae_tf.datasets import splits
from vqvae_tf.errors import UserError
from vqvae_tf.media.decoding import EXTENSIONS

# In lower case; folders may be called so in any.
_NAMES = {
  'train': ('train', 'training'),
  'validation': ('validation', 'valid', 'val'),
  'test': ('test', 'testing'),
}
_EXPECTED = (
  'expected CLASS/IMAGE.png, or train, validation and test with such class '
  'folders in each'
)


class Listing(NamedTuple):
  """The files from which a split is taken.

  Attributes:
    part: 'all' of a folder that has no folders for the splits, else the split
      whose folder it is.
    folder: in which they lie.
    names: relative to it, as 'CLASS/IMAGE.png', sorted by class and name.
    labels: of each, an index of `class_names`.
    class_names: those of the training images, sorted.
    is_shared: whether the splits share them, each taking those that
      `splits.by_name` gives it; else all are of one split.
  """

  part: str
  folder: pathlib.Path
  names: list[str]
  labels: list[int]
  class_names: tuple[str, ...]
  is_shared: bool


def find(folder: pathlib.Path, split: str) -> Listing:
  """Lists the files from which a split is taken.

  Args:
    folder: with class folders, or with folders for the splits that hold these.
    split: 'train', 'validation' or 'test'.

  Raises:
    UserError: the folder is missing or laid out in another way, or the split
      has a class that the training images lack.
  """
  if not folder.is_dir():
    raise UserError(f'image_folder: no such folder: {folder}')
  places = _split_folders(folder)
  if not places:
    return _listing('all', folder, is_shared=True)
  train = _only(folder, places, 'train')
  if split == 'train' or (split == 'validation' and split not in places):
    is_shared = 'validation' not in places
    return _listing('train', train, is_shared=is_shared)
  class_names = tuple(entry.name for entry in _class_folders(train))
  return _listing(split, _only(folder, places, split), class_names)


def chosen(listing: Listing, split: str) -> list[int]:
  """Returns which files of a listing belong to a split: their indices.

  Raises:
    UserError: if none does; the message says how many there are of each.
  """
  of_each = _split_indices(listing)
  if of_each.get(split):
    return of_each[split]
  if not listing.names:
    raise UserError(
      f'image_folder: no images for the {split} split in the class folders of '
      f'{listing.folder}; extensions read: {" ".join(EXTENSIONS)}'
    )
  counts = ', '.join(f'{name} {len(of)}' for name, of in of_each.items())
  raise UserError(
    f'image_folder: none of the {len(listing.names)} images of '
    f'{listing.folder} falls to the {split} split ({counts}, by a hash of '
    'their names): add images, or make folders train, validation and test'
  )


def _split_indices(listing):
  if not listing.is_shared:
    return {listing.part: list(range(len(listing.names)))}
  # A training folder shares its images with the validation alone.
  own = data_names.SPLITS if listing.part == 'all' else ('train', 'validation')
  indices = {name: [] for name in own}
  for i, name in enumerate(listing.names):
    split = splits.by_name(name)
    indices[split if split in own else 'train'].append(i)
  return indices


def _split_folders(folder):
  """Folders by split, where a folder has them and not classes of that name."""
  classes = _class_folders(folder)
  places = {
    split: found
    for split, names in _NAMES.items()
    if (found := [c for c in classes if c.name.lower() in names])
  }
  named = [place for found in places.values() for place in found]
  if len(named) == len(classes) or any(map(_class_folders, named)):
    return places
  return {}


def _only(folder, places, split):
  found = places.get(split, [])
  if len(found) == 1:
    return found[0]
  there = ', '.join(place.name for of in places.values() for place in of)
  number = f'{len(found)} folders' if found else 'no folder'
  raise UserError(
    f'image_folder: {folder} has {number} for the {split} split among {there}; '
    f'expected one, called {" or ".join(_NAMES[split])}'
  )


def _listing(part, folder, class_names=None, is_shared=False):
  classes = _class_folders(folder)
  if not classes:
    loose = sum(map(_is_image, folder.iterdir()))
    raise UserError(
      f'image_folder: {folder} holds no class folders, but images: {loose}; '
      f'{_EXPECTED}'
    )
  if class_names is None:
    class_names = tuple(entry.name for entry in classes)
  names, labels = [], []
  for entry in classes:
    if 'train' in _split_folders(entry):
      raise UserError(
        f'image_folder: {entry} is no class, it has a train folder: give it as '
        f'--data_dir, or {_EXPECTED}'
      )
    found = sorted(_image_names(entry, entry.name))
    if found and entry.name not in class_names:
      raise UserError(
        f'image_folder: {entry} is a class that the training images lack'
      )
    names += found
    labels += [class_names.index(entry.name) for _ in found]
  return Listing(part, folder, names, labels, class_names, is_shared)


def _class_folders(folder):
  # A scan of the folder spares a look at each of the files.
  with os.scandir(folder) as entries:
    return sorted(
      pathlib.Path(entry.path)
      for entry in entries
      if not entry.name.startswith(('.', '__')) and entry.is_dir()
    )


def _is_image(path):
  return path.suffix.lower() in EXTENSIONS


def _image_names(folder, prefix) -> Iterator[str]:
  """Names of the images of a class, those in folders below it as well."""
  with os.scandir(folder) as entries:
    for entry in entries:
      name = f'{prefix}/{entry.name}'
      if entry.name.startswith('.'):
        continue
      # A link to a folder may lead round in a circle.
      if entry.is_dir(follow_symlinks=False):
        yield from _image_names(entry.path, name)
      elif entry.name.lower().endswith(EXTENSIONS) and entry.is_file():
        yield name
