"""Images of any size as examples of a model's: tiles, edges repeated."""

from collections.abc import Sequence

import numpy as np

from vqvae_tf.errors import UserError


def check(images: np.ndarray, shape: tuple[int, ...]) -> None:
  """Checks that images are what a model takes, whole or cut.

  Args:
    images: `[B, ...]`.
    shape: of the model's examples.

  Raises:
    UserError: if they are not.
  """
  if images.dtype != np.uint8:
    raise UserError(f'images must be uint8, not {images.dtype}')
  found = images.shape[1:]
  if len(shape) != 3 and found != shape:
    raise UserError(
      f'the model takes examples {shape}, not {found}: only images are cut '
      'into tiles'
    )
  if found[-1:] != shape[-1:] or len(found) != len(shape) or 0 in found:
    raise UserError(
      f'the model takes images [H, W, {shape[-1]}], not of shape {found}'
    )


def counts(size: Sequence[int], tile: Sequence[int]) -> tuple[int, int]:
  """Returns the rows and columns of tiles that cover an image.

  Args:
    size: height and width of the image.
    tile: those of a tile.
  """
  height, width = (-(-a // b) for a, b in zip(size, tile, strict=True))
  return height, width


def cut(image: np.ndarray, tile: Sequence[int]) -> np.ndarray:
  """Takes an image `[H, W, C]` to tiles `[T, h, w, C]` in raster order.

  What lies beyond the lower and right edge repeats the last row or column.
  """
  rows, columns = counts(image.shape[:2], tile)
  height, width = tile
  below, right = (
    rows * height - image.shape[0],
    columns * width - image.shape[1],
  )
  padded = np.pad(image, [(0, below), (0, right), (0, 0)], 'edge')
  apart = padded.reshape(rows, height, columns, width, -1)
  return np.swapaxes(apart, 1, 2).reshape(-1, height, width, image.shape[-1])


def join(tiles: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Takes tiles to the image of a size that was cut: see `cut`."""
  _, height, width, channels = tiles.shape
  rows, columns = counts(size, (height, width))
  apart = tiles.reshape(rows, columns, height, width, channels)
  whole = np.swapaxes(apart, 1, 2).reshape(rows * height, -1, channels)
  return whole[: size[0], : size[1]]
