"""What of an image is kept, for the prior to complete the rest."""

import os
from typing import NamedTuple

import numpy as np
from PIL import Image

from vqvae_tf.datasets import image_folder
from vqvae_tf.datasets.source import Source
from vqvae_tf.errors import UserError
from vqvae_tf.serving.subject import Subject

_GREY = 128


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
  subject.check_shape('the image', image.shape)
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
