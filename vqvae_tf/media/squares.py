"""Images cut and scaled to squares of one size."""

import numpy as np
from PIL import Image


def square(image: np.ndarray, size: int) -> np.ndarray:
  """Crops the centre square of an image and resizes it.

  Args:
    image: uint8 `[H, W, C]`, C = 1 or 3.
    size: side of the result in pixels, >= 1.

  Returns:
    uint8 `[size, size, C]`.
  """
  height, width, channels = image.shape
  side = min(height, width)
  left, top = (width - side) // 2, (height - side) // 2
  # Pillow's filter widens when it shrinks an image, so nothing aliases.
  resized = Image.fromarray(image[..., 0] if channels == 1 else image).resize(
    (size, size),
    Image.Resampling.BICUBIC,
    box=(left, top, left + side, top + side),
  )
  return np.asarray(resized).reshape(size, size, channels)
