"""Samples as a picture, as files of images and of sounds."""

import itertools
import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from vqvae_tf import files
from vqvae_tf.errors import UserError
from vqvae_tf.media import audio, images
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.sampling.complete import Kept
from vqvae_tf.sampling.draw import Draws

# Pixels of a picture: sides of an image at least, and beside a row its class.
_MIN_SIDE, _MARGIN = 48, 80
_CODES = 'codes.npz'


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
  inside = _begun(folder, 'images', '.png', draws)
  picture_path = folder / 'grid.png'
  _write_png(picture_path, grid)
  for i, image in enumerate(draws.images):
    _write_png(_numbered(inside, i, '.png'), _image(image))
  return [picture_path, inside, folder / _CODES]


def write_sounds(folder: Path, draws: Draws, rate: int) -> list[Path]:
  """Writes each sound and the codes, in place of earlier ones.

  Args:
    folder: for sounds/NUMBER.wav and codes.npz, as `write` has them.
    draws: the sounds, mu-law `[n, T, 1]`.
    rate: samples per second, Hz.

  Returns:
    The folder of the sounds, and the file of the codes.

  Raises:
    UserError, OSError: as `write` does.
  """
  inside = _begun(folder, 'sounds', '.wav', draws)
  for i, levels in enumerate(draws.images):
    with files.written(_numbered(inside, i, '.wav')) as aside:
      audio.write(aside, audio.from_mu_law(levels[:, 0]), rate)
  return [inside, folder / _CODES]


def _begun(folder, name, ending, draws):
  """Writes the codes; returns the folder of that name, cleared of others."""
  if Workdir(folder).has_config():
    raise UserError(
      f'{folder} is the folder of a run, whose codes.npz has the codes of its '
      'data: name another --output'
    )
  inside, codes = folder / name, folder / _CODES
  if codes.exists():
    _remove_from(inside, len(draws.images), ending)
  # First of all: examples without it are somebody else's.
  files.write_arrays(codes, {'codes': draws.codes, 'labels': draws.labels})
  return inside


def _remove_from(folder, first, ending):
  """Removes what an earlier, larger number of samples left."""
  for i in itertools.count(first):
    if not _numbered(folder, i, ending).exists():
      return
    _numbered(folder, i, ending).unlink()


def _numbered(folder, i, ending):
  return folder / f'{i:04d}{ending}'


def _write_png(path, image):
  with files.written(path) as aside:
    image.save(aside, format='PNG')


def _image(pixels):
  return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
