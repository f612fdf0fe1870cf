"""Images that a model with a prior makes up, or completes."""

import itertools
import math
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from vqvae_tf import checkpoints, configs, files
from vqvae_tf.datasets import image_folder
from vqvae_tf.datasets.source import Source
from vqvae_tf.errors import UserError
from vqvae_tf.media import images
from vqvae_tf.subjects import Subject

_BATCH_SIZE = 64
# Pixels of a picture: sides of an image at least, and beside a row its class.
_MIN_SIDE, _MARGIN = 48, 80
_GREY = 128


class Draws(NamedTuple):
  """What is drawn.

  Attributes:
    codes: int32 `[n, h, w, M]`.
    images: uint8 `[n, H, W, C]`.
    labels: int32 `[n]`; -1 where there is none.
  """

  codes: np.ndarray
  images: np.ndarray
  labels: np.ndarray


class Kept(NamedTuple):
  """What of an image is to stay.

  Attributes:
    codes: int32 `[1, h, w, M]`.
    mask: bool `[1, h, w, M]`, which of them are kept.
    image: uint8 `[H, W, C]`, grey where it is open.
  """

  codes: np.ndarray
  mask: np.ndarray
  image: np.ndarray


def labels(subject: Subject, name: str | None) -> list[int]:
  """Returns the labels that are asked for.

  Args:
    subject: one with a prior.
    name: a class or its number; None stands for all.

  Returns:
    Labels; [-1] of an unconditional prior.

  Raises:
    UserError: if there is no prior, or no such class.
  """
  if not subject.prior:
    raise UserError(
      f'{subject.origin} has no prior to draw from: train one with bin/prior '
      '--workdir=RUN (and export the run again)'
    )
  count, names = subject.prior.num_classes, subject.config.class_names
  if name is None:
    return list(range(count)) or [-1]
  if not count:
    raise UserError(
      f'the prior of {subject.origin} knows no classes: leave --label out'
    )
  if name in names:
    return [names.index(name)]
  if name.isdecimal() and int(name) < count:
    return [int(name)]
  raise UserError(
    f'--label={name} is no class and no number in 0..{count - 1}'
    f'{configs.nearest(name, names)}'
  )


def keep(subject: Subject, image: np.ndarray, part: str) -> Kept:
  """Returns the codes of a part of an image, those with their centre in it.

  Args:
    subject: the model.
    image: uint8 `[H, W, C]`.
    part: left, right, top, bottom or x0,y0,x1,y1 in pixels, x1 and y1 not
      included.

  Raises:
    UserError: if it is no such part, or has no code, or the image does not fit.
  """
  if image.shape != tuple(subject.config.example_shape):
    raise UserError(
      f'{subject.origin} takes images {subject.config.example_shape}, not '
      f'{image.shape}'
    )
  height, width, _ = image.shape
  x0, y0, x1, y1 = _box(part, height, width)
  codes = np.asarray(subject.encode(image[np.newaxis]))
  rows, columns = codes.shape[1:3]
  y = (np.arange(rows) + 0.5) * height / rows
  x = (np.arange(columns) + 0.5) * width / columns
  is_in = ((y0 <= y) & (y < y1))[:, np.newaxis] & (x0 <= x) & (x < x1)
  if not is_in.any():
    raise UserError(
      f'--keep={part} keeps none of the {rows}x{columns} codes: an image has '
      f'{width}x{height} pixels'
    )
  pixels = is_in[np.arange(height) * rows // height]
  pixels = pixels[:, np.arange(width) * columns // width, np.newaxis]
  mask = np.broadcast_to(is_in[np.newaxis, ..., np.newaxis], codes.shape)
  seen = np.where(pixels, image, _GREY).astype(np.uint8)
  return Kept(codes, mask, seen)


def _box(part, height, width):
  named = {
    'left': (0, 0, width / 2, height),
    'right': (width / 2, 0, width, height),
    'top': (0, 0, width, height / 2),
    'bottom': (0, height / 2, width, height),
  }
  if part in named:
    return named[part]
  try:
    x0, y0, x1, y1 = map(int, part.split(','))
  except ValueError as error:
    raise UserError(
      f'--keep={part}: give {", ".join(named)} or x0,y0,x1,y1 in pixels'
    ) from error
  return x0, y0, x1, y1


def read_image(path: str | os.PathLike, shape: tuple[int, int, int]):
  """Reads an image file as a model takes it: cropped and resized.

  Args:
    path: the file.
    shape: (H, W, C), H = W.

  Returns:
    uint8 `[H, W, C]`.

  Raises:
    UserError: if it cannot be read.
  """
  try:
    colours = image_folder.decode(path, shape[0])
  except ValueError as error:
    raise UserError(str(error)) from error
  if shape[2] == 3:
    return colours
  return np.asarray(Image.fromarray(colours).convert('L'))[..., np.newaxis]


def pick_image(data: Source, index: int) -> np.ndarray:
  """Returns an image of a split, uint8 `[H, W, C]`.

  Raises:
    UserError: if it has no such image.
  """
  if not 0 <= index < data.num_examples:
    raise UserError(
      f'--index={index} is not in 0..{data.num_examples - 1}, the images of '
      f'{data.name} {data.split}'
    )
  return data.fetch(np.array([index]))[0].numpy()[0]


def draw(
  subject: Subject,
  num: int,
  classes: list[int],
  seed: int,
  temperature: float = 1.0,
  top_p: float = 1.0,
  kept: Kept | None = None,
) -> Draws:
  """Draws images, as many of each class, with a bar on a terminal.

  Args:
    subject: one with a prior.
    num: how many; the first classes get what cannot be shared out.
    classes: their labels, as `labels` returns them.
    seed: of all of them.
    temperature: as `CodePrior.sample` has it.
    top_p: likewise.
    kept: of an image, which is completed.

  Returns:
    `Draws`, class by class.
  """
  classes = classes[:num]
  shares = [len(part) for part in np.array_split(np.arange(num), len(classes))]
  # XLA compiles the sampler for a batch size.
  batch = min(max(shares), _BATCH_SIZE)
  # The label of each batch, and how many of its images are wanted.
  calls = [
    (label, min(batch, share - begin))
    for label, share in zip(classes, shares, strict=True)
    for begin in range(0, share, batch)
  ]
  given = {'given': kept.codes, 'mask': kept.mask} if kept else {}
  parts = []
  with files.bar(num, 'sampling') as bar:
    for i, (label, count) in enumerate(calls):
      drawn = subject.prior.sample(
        batch, [seed, i], label, temperature, top_p, **given
      )
      codes, pictures = (np.asarray(part)[:count] for part in drawn)
      parts.append((codes, pictures, np.full(count, label, np.int32)))
      bar.update(count)
  return Draws(*map(np.concatenate, zip(*parts, strict=True)))


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
  if checkpoints.Workdir(folder).has_config():
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
