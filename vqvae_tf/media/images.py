"""Batches of uint8 images `[B, H, W, C]`: checks, tiling and painting."""

from collections.abc import Sequence

import numpy as np

from vqvae_tf.errors import UserError
from vqvae_tf.media.examples import check_examples


def are_images(shape: Sequence[int]) -> bool:
  """Returns whether examples of a shape, without a batch, are `[H, W, C]`."""
  return len(shape) == 3


def check_shape(shape: Sequence[int], what: str, way_out: str) -> None:
  """Checks that examples are images, for something that needs them.

  Args:
    shape: of an example.
    what: needs images; the message begins with it.
    way_out: what to do with other examples; the message ends with it.

  Raises:
    UserError: if they are no images.
  """
  if not are_images(shape):
    raise UserError(
      f'{what} is for images [H, W, C], not for examples {tuple(shape)}: '
      f'{way_out}'
    )


def check_images(images) -> None:
  """Checks that a batch is uint8 `[B, H, W, C]`.

  Args:
    images: tensor or array.

  Raises:
    ValueError: for another dtype or rank; the message says which was given.
  """
  check_examples(images)
  if not are_images(images.shape[1:]):
    raise ValueError(
      f'images must be [B, H, W, C], not of shape {tuple(images.shape)}'
    )


def tile(images: np.ndarray, columns: int, gap: int = 1) -> np.ndarray:
  """Arranges a batch into one picture, row by row.

  Args:
    images: uint8 `[B, H, W, C]`.
    columns: number of images in a row, at least 1.
    gap: width in pixels of the white lines between images.

  Returns:
    uint8 `[rows (H + gap) - gap, columns (W + gap) - gap, C]`; places without
    an image are white.

  Raises:
    ValueError: if `images` is no uint8 `[B, H, W, C]`.

  Examples:
    >>> tile(np.zeros([10, 28, 28, 1], np.uint8), columns=5).shape
    (57, 144, 1)
  """
  images = np.asarray(images)
  check_images(images)
  count, height, width, channels = images.shape
  rows = -(-count // columns)
  canvas = np.full(
    (rows * (height + gap) - gap, columns * (width + gap) - gap, channels),
    255,
    np.uint8,
  )
  for i, image in enumerate(images):
    y = i // columns * (height + gap)
    x = i % columns * (width + gap)
    canvas[y : y + height, x : x + width] = image
  return canvas


def error_maps(originals: np.ndarray, others: np.ndarray) -> np.ndarray:
  """Paints differences of images as grey levels, no difference being white.

  max(0, 255 - 4 d) for a mean absolute difference d of the channels: the few
  levels that a good reconstruction is off can be seen.

  Args:
    originals: uint8 `[B, H, W, C]`.
    others: likewise.

  Returns:
    uint8 `[B, H, W, 1]`.
  """
  difference = np.abs(np.asarray(originals, np.float64) - np.asarray(others))
  levels = 255 - 4 * difference.mean(-1, keepdims=True)
  return np.round(np.maximum(levels, 0)).astype(np.uint8)


def code_maps(codes: np.ndarray, num_embeddings: int) -> np.ndarray:
  """Paints codes as grey levels, one pixel per position and codebook.

  Args:
    codes: int `[B, h, w, M]`.
    num_embeddings: K; code k becomes level round(255 k / (K - 1)).

  Returns:
    uint8 `[B, h, w, M]`.

  Examples:
    >>> code_maps([[[[0]], [[1]], [[3]]]], num_embeddings=4).ravel()
    array([  0,  85, 255], dtype=uint8)
  """
  levels = np.asarray(codes) * (255 / max(1, num_embeddings - 1))
  return np.round(levels).astype(np.uint8)
