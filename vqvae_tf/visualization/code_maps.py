"""Images beside the maps of their codes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vqvae_tf.visualization import canvas
from vqvae_tf.visualization.material import Material

_NUM_COLUMNS = 8
_NUM_CODEBOOKS = 4


def strips(
  originals: np.ndarray, codes: np.ndarray, sizes: Sequence[int]
) -> list[canvas.Strip]:
  """Returns images above maps of their codes, one row per codebook.

  Args:
    originals: uint8 `[B, H, W, C]`.
    codes: int `[B, h, w, M]`.
    sizes: K of each of the M codebooks.
  """
  columns = max(_NUM_COLUMNS, len(originals))
  shown = min(_NUM_CODEBOOKS, len(sizes))
  _, height, width, count = codes.shape
  title = f'images, and their codes on {height} x {width} positions'
  if shown < count:
    title += f' (the first {shown} of {count} codebooks)'
  pictures = [canvas.Strip(title, originals, columns)]
  for m, size in enumerate(sizes[:shown]):
    scale = canvas.Scale(0, max(1, size - 1), 'code')
    name = f'codebook {m}, ' if count > 1 else ''
    title = f'{name}K = {size:,}'
    pictures.append(canvas.Strip(title, codes[..., m], columns, (), scale))
  return pictures


def draw(material: Material, folder: Path) -> list[Path]:
  """Draws code maps of some images of the split."""
  count = _NUM_COLUMNS
  pictures = strips(
    material.images[:count], material.codes[:count], material.sizes
  )
  return [canvas.save(canvas.sheet(pictures), folder / 'codes.png')]
