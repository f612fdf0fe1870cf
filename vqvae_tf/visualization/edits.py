"""What a single code does: all its values at one place, and where it acts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vqvae_tf.codes import count_codes
from vqvae_tf.visualization import canvas
from vqvae_tf.visualization.material import Material

_NUM_COLUMNS, _NUM_VALUES = 8, 64
# Positions beside the edited one that are shown: a code acts nearby.
_NEIGHBOURS = 3
# Positions shown along an axis, and images with other codes at each of them.
_MAX_SIDE, _NUM_IMAGES = 7, 16
_MAX_SIDE_SAMPLED, _NUM_SAMPLED = 3, 2


def with_values(
  codes: np.ndarray, place: tuple[int, int, int], values: Sequence[int]
) -> np.ndarray:
  """Puts values at one place of codes.

  Args:
    codes: int `[h, w, M]`.
    place: row, column and codebook.
    values: V codes.

  Returns:
    int `[V, h, w, M]`.
  """
  edited = np.repeat(codes[np.newaxis], len(values), 0)
  edited[(slice(None), *place)] = values
  return edited


def likeliest(
  there: np.ndarray, anywhere: np.ndarray, kept: int, number: int
) -> np.ndarray:
  """Returns the codes most used at a place.

  Args:
    there: int `[K]`, how often each code stands at the place.
    anywhere: int `[K]`, how often it is used at all; between codes that are
      used there alike, this decides.
    kept: a code to be among them, the last one if need be.
    number: n.

  Returns:
    int `[n]`, most used first.
  """
  order = np.lexsort((-anywhere, -there))[:number]
  if kept not in order:
    order[-1] = kept
  return order


def influence(decoded: np.ndarray, edited: np.ndarray) -> np.ndarray:
  """Returns where images change with their codes.

  Args:
    decoded: uint8 `[B, H, W, C]`.
    edited: uint8 `[P, B, H, W, C]`, the same with another code at position p.

  Returns:
    The mean absolute difference in grey levels, float64 `[P, H, W]`.
  """
  difference = np.abs(edited.astype(np.float64) - decoded)
  return difference.mean((1, 4))


def cell(
  position: tuple[int, int], grid: Sequence[int], size: Sequence[int]
) -> tuple[float, float, float, float]:
  """Returns top, left, height and width in pixels of a position's cell."""
  tall, wide = np.divide(size, grid)
  return position[0] * tall, position[1] * wide, tall, wide


def window(
  position: tuple[int, int], grid: Sequence[int], size: Sequence[int]
) -> tuple[slice, slice]:
  """Returns the rows and columns of pixels around a position."""
  slices = []
  for place, count, pixels in zip(position, grid, size, strict=True):
    first, last = max(0, place - _NEIGHBOURS), place + _NEIGHBOURS + 1
    slices.append(
      slice(first * pixels // count, min(last, count) * pixels // count)
    )
  return tuple(slices)


def draw(material: Material, folder: Path) -> list[Path]:
  """Draws an image with each value of one code."""
  image, grid = material.reconstructions[:1], material.codes.shape[1:3]
  size, sizes = image.shape[1:3], material.sizes
  position = grid[0] // 2, grid[1] // 2
  seen = window(position, grid, size)
  box = tuple(s.start for s in seen) + tuple(s.stop - s.start for s in seen)
  title = (
    f'position {position} of {grid[0]} x {grid[1]} takes other codes, the '
    'others stay'
  )
  marks = [canvas.Mark(0, cell(position, grid, size))]
  if box[2:] != size:
    title += '; the part in the larger frame is below'
    marks.append(canvas.Mark(0, box, 'tab:orange'))
  pictures = [canvas.Strip(title, image, _NUM_COLUMNS, marks=marks)]
  number = max(_NUM_COLUMNS, _NUM_VALUES // len(sizes))
  for m in range(min(len(sizes), _NUM_VALUES // _NUM_COLUMNS)):
    pictures.append(_values(material, (*position, m), number, seen))
  return [canvas.save(canvas.sheet(pictures), folder / 'edits.png')]


def _values(material, place, number, seen):
  """Returns a part of the first image with the values of one code."""
  codes, m = material.codes[0], place[-1]
  own, size = int(codes[place]), material.sizes[m]
  values = np.arange(size)
  if size > number:
    # A decoder shows little of a code where such a code never stands.
    [there] = count_codes(
      material.all_codes[:, place[0], place[1], m : m + 1], [size]
    )
    values = likeliest(there, material.counts[m], own, number)
  edited = material.decode(with_values(codes, place, values))[
    (slice(None), *seen)
  ]
  which = 'all' if len(values) == size else f'the {number} most used there, of'
  name = f'codebook {m}: ' if len(material.sizes) > 1 else ''
  whole = (0, 0, *edited.shape[1:3])
  return canvas.Strip(
    f'{name}{which} {size:,} codes (framed: its own)',
    edited,
    _NUM_COLUMNS,
    [str(value) for value in values],
    marks=[canvas.Mark(int(np.flatnonzero(values == own)[0]), whole)],
  )


def draw_influence(material: Material, folder: Path) -> list[Path]:
  """Draws how much each pixel changes with the code of each position."""
  few = material.is_sampled
  side = _MAX_SIDE_SAMPLED if few else _MAX_SIDE
  number = _NUM_SAMPLED if few else _NUM_IMAGES
  codes = material.codes[:number]
  _, height, width, _ = codes.shape
  rows, columns = (
    np.unique(np.linspace(0, n - 1, side).round().astype(int))
    for n in (height, width)
  )
  positions = [(i, j) for i in rows for j in columns]
  # Codes of other images: what occurs.
  rng, others = material.rng(), material.all_codes
  edited = np.repeat(codes[np.newaxis], len(positions), 0)
  for p, (i, j) in enumerate(positions):
    chosen = rng.integers(len(others), size=len(codes))
    edited[p, :, i, j] = others[chosen, i, j]
  decoded = material.decode(edited.reshape(-1, *codes.shape[1:]))
  decoded = decoded.reshape(len(positions), len(codes), *decoded.shape[1:])
  maps = influence(material.reconstructions[: len(codes)], decoded)
  boxes = [cell(p, (height, width), maps.shape[1:]) for p in positions]
  marks = [canvas.Mark(k, box, 'tab:cyan') for k, box in enumerate(boxes)]
  high = max(1.0, float(np.quantile(maps, 0.999)))
  scale = canvas.Scale(0, high, 'grey levels', 'gist_heat_r', True)
  title = (
    f'mean absolute change where one position (framed; {len(positions)} of '
    f'{height} x {width}) takes the code of another image'
  )
  strip = canvas.Strip(title, maps, len(columns), (), scale, marks)
  return [canvas.save(canvas.sheet([strip]), folder / 'influence.png')]
