"""Walks in code space: codes move one by one, and the image with them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tqdm

from vqvae_tf.visualization import canvas, film
from vqvae_tf.visualization.material import Material

_FRAMES_PER_SECOND = 25
_NUM_COLUMNS = 8
# From frame to frame; a prior refuses most of them.
_NUM_PROPOSALS = 16
_TITLES = {
  'random': 'random walk: from frame to frame one code moves by 1, up or down',
  'guided': f'guided by the prior: of {_NUM_PROPOSALS} other codes proposed '
  'from frame to frame, it accepts what is likely',
}
_UNIT = '; bits per code under the prior'


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


def guided_walk(
  start: np.ndarray,
  sizes: Sequence[int],
  num_frames: int,
  rng: np.random.Generator,
  bits: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
  """Changes single codes as the prior allows.

  A(z -> z') = min(1, p(z') / p(z)),

  where z' is z with another code at a random place, any of the others alike. In
  the long run the frames are draws from p.

  Args:
    start: z, int `[h, w, M]`, the first frame.
    sizes: K of each of the M codebooks.
    num_frames: T; from each to the next there are 16 proposals.
    rng: random numbers.
    bits: takes codes int `[B, h, w, M]` to -log2 p(z), `[B]`.

  Returns:
    int `[T, h, w, M]`.

  References:
    Metropolis et al., Equation of State Calculations by Fast Computing
    Machines, 1953.
  """
  frames = np.repeat(start[np.newaxis], num_frames, 0)
  codes, own = start, bits(start[np.newaxis])[0]
  done, last = 0, (num_frames - 1) * _NUM_PROPOSALS
  bar = tqdm.tqdm(total=last, desc='guided walk', leave=False, disable=None)
  with bar:
    while done < last:
      # One pass for many proposals: all leave from the same codes, which is
      # right up to the first that is accepted; the others are never looked at.
      proposed = _proposals(codes, sizes, rng)
      found = bits(proposed)
      # 1 - u, for u may be 0.
      accepted = np.log2(1 - rng.random(len(found))) <= own - found
      count = int(np.argmax(accepted)) + 1 if accepted.any() else len(found)
      done += count
      bar.update(count)
      if accepted.any():
        codes, own = proposed[count - 1], found[count - 1]
        frames[-(-done // _NUM_PROPOSALS) :] = codes
  return frames


def _proposals(codes, sizes, rng):
  """Returns codes with another one at a random place, several times."""
  proposed = np.repeat(codes[np.newaxis], _NUM_PROPOSALS, 0)
  for other in proposed:
    place = tuple(rng.integers(codes.shape))
    size = sizes[place[-1]]
    other[place] += 1 + rng.integers(max(1, size - 1))
    other[place] %= size
  return proposed


def draw(material: Material, folder: Path) -> list[Path]:
  """Draws walks from an image: a film, and some of its frames."""
  walks = _walks(material)
  decoded = {name: material.decode(codes) for name, codes in walks.items()}
  count, rate = material.num_frames, _FRAMES_PER_SECOND
  captions = [
    f'{" | ".join(["image", *walks])}   {i} of {count}' for i in range(count)
  ]
  panels = film.beside([material.images[0], *decoded.values()])
  moving = film.Film(panels, captions, rate)
  paths = film.write(moving, folder / 'walk.gif')
  chosen = np.geomspace(1, count, _NUM_COLUMNS).round().astype(int) - 1
  unit = _UNIT if material.subject.prior else ''
  pictures = [
    canvas.Strip(
      _TITLES[name] + unit,
      decoded[name][chosen],
      _NUM_COLUMNS,
      _labels(material, codes, chosen),
    )
    for name, codes in walks.items()
  ]
  return [*paths, canvas.save(canvas.sheet(pictures), folder / 'walk.png')]


def _walks(material):
  """Returns walks from the first image by name, int [T, h, w, M] each."""
  start = material.codes[0]
  common = start, material.sizes, material.num_frames
  walks = {'random': random_walk(*common, material.rng())}
  if material.subject.prior:
    walks['guided'] = guided_walk(
      *common, material.rng(), lambda codes: _bits(material, codes)
    )
  return walks


def _bits(material, codes):
  """Returns -log2 p(z), given the class of the first image."""
  labels = np.full(len(codes), material.labels[0])
  return material.code_bits(codes, labels).sum((1, 2, 3))


def _labels(material, codes, chosen):
  """Returns the numbers of frames, with their bits where there is a prior."""
  names = [f'frame {i}' for i in chosen]
  if material.subject.prior:
    per_code = _bits(material, codes[chosen]) / codes[0].size
    names = [f'{n}: {b:.1f} bits' for n, b in zip(names, per_code, strict=True)]
  return names
