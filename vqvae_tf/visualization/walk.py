"""Walks in code space: codes move one by one, and the image with them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vqvae_tf.visualization import canvas, film
from vqvae_tf.visualization.material import Material

_FRAMES_PER_SECOND = 25
_NUM_COLUMNS = 8


def random_walk(
  start: np.ndarray,
  sizes: Sequence[int],
  num_frames: int,
  rng: np.random.Generator,
) -> np.ndarray:
  """Moves one code by +1 or -1 from frame to frame, at a random place.

  Codes K - 1 and 0 are neighbours. Which codes are, means nothing to a learned
  codebook: the walk leaves what images look like.

  Args:
    start: int `[h, w, M]`, the first frame.
    sizes: K of each of the M codebooks.
    num_frames: T.
    rng: random numbers.

  Returns:
    int `[T, h, w, M]`.
  """
  codes = np.repeat(start[np.newaxis], num_frames, 0)
  for t in range(1, num_frames):
    codes[t] = codes[t - 1]
    place = tuple(rng.integers(start.shape))
    move = rng.choice([-1, 1])
    codes[(t, *place)] = (codes[(t, *place)] + move) % sizes[place[-1]]
  return codes


def draw(material: Material, folder: Path) -> list[Path]:
  """Draws walks from an image: a film, and some of its frames."""
  start = material.codes[0]
  # Whatever else walks from the same image has its panel beside this one.
  walks = {
    'random walk: one code moves by 1': random_walk(
      start, material.sizes, material.num_frames, material.rng()
    ),
  }
  decoded = {name: material.decode(codes) for name, codes in walks.items()}
  count, rate = material.num_frames, _FRAMES_PER_SECOND
  captions = [f'frame {i} of {count}, {rate}/s' for i in range(count)]
  panels = film.beside([material.images[0], *decoded.values()])
  moving = film.Film(panels, captions, rate)
  paths = film.write(moving, folder / 'walk.gif')
  chosen = np.geomspace(1, count, _NUM_COLUMNS).round().astype(int) - 1
  pictures = [
    canvas.Strip(
      f'{name} of {start.size} from frame to frame',
      frames[chosen],
      _NUM_COLUMNS,
      [f'frame {i}' for i in chosen],
    )
    for name, frames in decoded.items()
  ]
  return [*paths, canvas.save(canvas.sheet(pictures), folder / 'walk.png')]
