"""Samples as a picture, and as files in a folder."""

import itertools
import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from vqvae_tf import files
from vqvae_tf.errors import UserError
from vqvae_tf.media import images
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.sampling.complete import Kept
from vqvae_tf.sampling.draw import Draws

# Pixels of a picture: sides of an image at least, and beside a row its class.
_MIN_SIDE, _MARGIN = 48, 80


def picture(
  draws: Draws, class_names: tuple[str, ...], kept: Kept | None = None
) -> Image.Image:
  """Returns all images as one picture, white in between.

  Of several classes, each has a row, with its name beside it.

  Args:
    draws: the images, class by class.
    class_names: a name for each label.
    kept: what was completed: it is the first image of each row of a class, or
      of the picture.
  """
  first = [] if kept is None else [kept.image]
  classes = np.unique(draws.labels)
  has_rows = 1 < len(classes) < len(draws.labels)
  if has_rows:
    rows = [[*first, *draws.images[draws.labels == y]] for y in classes]
  else:
    rows = [[*first, *draws.images]]
  longest = max(map(len, rows))
  columns = longest if has_rows else math.ceil(math.sqrt(longest))
  white = np.full_like(draws.images[0], 255)
  rows = [row + [white] * (longest - len(row)) for row in rows]
  tiled = images.tile(np.concatenate(rows), columns)
  scale = math.ceil(_MIN_SIDE / len(white))
  tiled = tiled.repeat(scale, 0).repeat(scale, 1)
  whole = _image(tiled).convert('RGB')
  return _named(whole, class_names, classes) if has_rows else whole


def _named(whole, class_names, classes):
  """Returns a picture with the names of classes left of its rows."""
  result = Image.new('RGB', (whole.width + _MARGIN, whole.height), 'white')
  result.paste(whole, (_MARGIN, 0))
  for i, label in enumerate(classes):
    # What Pillow's own font has.
    name = class_names[label].encode('latin-1', 'replace').decode('latin-1')
    place = _MARGIN - 6, (i + 0.5) * whole.height / len(classes)
    ImageDraw.Draw(result).text(place, name, fill='black', anchor='rm')
  return result


def write(folder: Path, draws: Draws, grid: Image.Image) -> list[Path]:
  """Writes the picture, each image and the codes, in place of earlier ones.

  Args:
    folder: for grid.png, images/NUMBER.png and codes.npz (codes, labels). Where
      it has a codes.npz, the images that follow in number are removed, too.
    draws: the images.
    grid: the picture.

  Returns:
    The files, of the images their folder.

  Raises:
    UserError: if the folder is that of a run, whose codes.npz is another.
    OSError: if they cannot be written.
  """
  if Workdir(folder).has_config():
    raise UserError(
      f'{folder} is the folder of a run, whose codes.npz has the codes of its '
      'data: name another --output'
    )
  paths = [folder / name for name in ('grid.png', 'images', 'codes.npz')]
  if paths[2].exists():
    _remove_from(paths[1], len(draws.images))
  # First of all: images without it are somebody else's.
  files.write_arrays(paths[2], {'codes': draws.codes, 'labels': draws.labels})
  _write_png(paths[0], grid)
  for i, image in enumerate(draws.images):
    _write_png(_numbered(paths[1], i), _image(image))
  return paths


def _remove_from(folder, first):
  """Removes the images that an earlier, larger number of samples left."""
  for i in itertools.count(first):
    if not _numbered(folder, i).exists():
      return
    _numbered(folder, i).unlink()


def _numbered(folder, i):
  return folder / f'{i:04d}.png'


def _write_png(path, image):
  with files.written(path) as aside:
    image.save(aside, format='PNG')


def _image(pixels):
  return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
