"""From one image to another through their codes, and halves of two."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vqvae_tf.visualization import canvas, film
from vqvae_tf.visualization.material import Inapplicable, Material

_NUM_FRAMES, _NUM_COLUMNS = 33, 9
_FRAMES_PER_SECOND = 10
_NUM_MIXED = 6
# Each sweep takes the codes nearer; those of a residual quantizer depend on
# one another.
_NUM_SWEEPS = 3


def requantized(
  vectors: np.ndarray, codes: np.ndarray, tables: Sequence[np.ndarray]
) -> np.ndarray:
  """Finds codes whose vectors are near to others.

  min |v - e|^2 with e = sum_m t_m[c_m] - (M - 1) t_1[0], by coordinates: each
  code in turn becomes the best beside the others. One codebook, or several for
  parts of the vector, need no more than one sweep.

  Args:
    vectors: v, float `[N, D]`.
    codes: int `[N, M]`, to begin with; they stay where none is better.
    tables: t_m, float `[K_m, D]` each, the vectors of the codes of one codebook
      beside codes 0 of the others.

  Returns:
    int `[N, M]`.
  """
  codes, rows = codes.copy(), np.arange(len(codes))
  origin = (len(tables) - 1) * tables[0][0]
  for _ in range(_NUM_SWEEPS if len(tables) > 1 else 1):
    for m, table in enumerate(tables):
      others = sum(
        other[codes[:, j]] for j, other in enumerate(tables) if j != m
      )
      rest = vectors + origin - others
      distances = np.sum(table**2, 1) - 2 * rest @ table.T
      nearest = np.argmin(distances, 1)
      is_better = distances[rows, nearest] < distances[rows, codes[:, m]]
      codes[:, m] = np.where(is_better, nearest, codes[:, m])
  return codes


def through_vectors(
  ends: np.ndarray,
  vectors: np.ndarray,
  tables: Sequence[np.ndarray],
  num_frames: int,
) -> np.ndarray:
  """Goes straight from vectors to vectors, quantizing on the way.

  Args:
    ends: int `[2, h, w, M]`.
    vectors: theirs, float `[2, h, w, D]`.
    tables: as for `requantized`.
    num_frames: T.

  Returns:
    int `[T, h, w, M]`, from the first of the ends to the second.
  """
  shape, frames = ends.shape[1:], []
  first, last = vectors.reshape(2, -1, vectors.shape[-1])
  for share in np.linspace(0, 1, num_frames):
    near = ends[int(share > 0.5)].reshape(-1, shape[-1])
    between = (1 - share) * first + share * last
    frames.append(requantized(between, near, tables).reshape(shape))
  return np.stack(frames)


def by_swapping(
  ends: np.ndarray, num_frames: int, rng: np.random.Generator
) -> np.ndarray:
  """Replaces the codes of one image by those of another, position by position.

  Args:
    ends: int `[2, h, w, M]`.
    num_frames: T.
    rng: of the order of the positions.

  Returns:
    int `[T, h, w, M]`.
  """
  grid = ends.shape[1:3]
  ranks = rng.permutation(np.prod(grid)).reshape(1, *grid, 1)
  swapped = np.linspace(0, ranks.size, num_frames).round()
  is_swapped = ranks < swapped.reshape(-1, 1, 1, 1)
  return np.where(is_swapped, ends[1], ends[0])


def halves(left: np.ndarray, right: np.ndarray) -> np.ndarray:
  """Joins the left half of some codes with the right half of others.

  Args:
    left: int `[A, h, w, M]`.
    right: int `[B, h, w, M]`.

  Returns:
    int `[A, B, h, w, M]`; of an odd w the middle belongs to the right half.
  """
  middle = left.shape[2] // 2
  rows = np.repeat(left[:, np.newaxis], len(right), 1)
  columns = np.repeat(right[np.newaxis], len(left), 0)
  return np.concatenate([rows[..., :middle, :], columns[..., middle:, :]], -2)


def _check_pair(material):
  if material.data.num_examples < 2:
    raise Inapplicable('the split has but one image')


def draw(material: Material, folder: Path) -> list[Path]:
  """Draws two ways from an image to another: a film, and some of its frames."""
  _check_pair(material)
  ends = material.codes[:2]
  vectors = np.asarray(material.subject.embed(ends))
  ways = {
    'straight through the vectors, each quantized to the nearest code': (
      through_vectors(ends, vectors, material.tables, _NUM_FRAMES)
    ),
    'the codes are swapped one after another': (
      by_swapping(ends, _NUM_FRAMES, material.rng())
    ),
  }
  decoded = {name: material.decode(codes) for name, codes in ways.items()}
  first, last = material.images[:2]
  panels = film.beside([first, *decoded.values(), last])
  shares = np.linspace(0, 100, _NUM_FRAMES)
  panels_are = 'image | vectors | codes swapped | image'
  captions = [f'{panels_are}   {share:.0f} %' for share in shares]
  # There and back.
  moving = film.Film(
    np.concatenate([panels, panels[-2:0:-1]]),
    captions + captions[-2:0:-1],
    _FRAMES_PER_SECOND,
  )
  paths = film.write(moving, folder / 'interpolation.gif')
  chosen = np.linspace(0, _NUM_FRAMES - 1, _NUM_COLUMNS).round().astype(int)
  labels = [f'{shares[i]:.0f} %' for i in chosen]
  pictures = [
    canvas.Strip(name, frames[chosen], _NUM_COLUMNS, labels)
    for name, frames in decoded.items()
  ]
  path = folder / 'interpolation.png'
  return [*paths, canvas.save(canvas.sheet(pictures), path)]


def draw_mixing(material: Material, folder: Path) -> list[Path]:
  """Draws the halves of some images with the halves of others."""
  _check_pair(material)
  count = min(_NUM_MIXED, len(material.codes) // 2)
  rows, columns = slice(count), slice(count, 2 * count)
  mixed = halves(material.codes[rows], material.codes[columns])
  decoded = material.decode(mixed.reshape(-1, *mixed.shape[2:]))
  table = decoded.reshape(count, count, *decoded.shape[1:])
  left = np.concatenate([material.images[rows][:, np.newaxis], table], 1)
  corner = np.full_like(material.images[:1], 255)
  top = np.concatenate([corner, material.images[columns]])
  strip = canvas.Strip(
    'left half of the codes from the image at the left, right half from the '
    'image at the top',
    np.concatenate([top, *left]),
    count + 1,
  )
  return [canvas.save(canvas.sheet([strip]), folder / 'mixing.png')]
