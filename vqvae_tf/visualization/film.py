"""Moving pictures: GIF, and MP4 where ffmpeg is."""

import contextlib
import itertools
import math
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vqvae_tf import files

# Of the larger side in pixels; how often a pixel is repeated at most, unless a
# caption needs more room.
_WIDTH, _LARGEST_SCALE, _READABLE = 560, 4, 280
_FONT_SIZE, _CAPTION = 12, 20
# Of so many frames the colours of a GIF are chosen. One of 256 is left for
# pixels that stay what they were.
_NUM_SAMPLED, _NUM_COLOURS = 32, 255


class Film(NamedTuple):
  """Frames with captions.

  Attributes:
    frames: uint8 `[T, H, W, C]`.
    captions: T lines.
    frames_per_second: a divisor of 100, for the clock of a GIF ticks 100 times
      a second.
  """

  frames: np.ndarray
  captions: Sequence[str]
  frames_per_second: int


def beside(panels: Sequence[np.ndarray], gap: int = 2) -> np.ndarray:
  """Puts films beside each other.

  Args:
    panels: each uint8 `[T, H, W, C]`, or `[H, W, C]`, which stands still.
    gap: white pixels between them.

  Returns:
    uint8 `[T, H, W', C]`.
  """
  count = max(len(panel) for panel in panels if panel.ndim == 4)
  columns = []
  for panel in panels:
    moving = np.broadcast_to(panel, (count, *panel.shape[-3:]))
    pad = [(0, 0), (0, 0), (0, gap), (0, 0)]
    columns.append(np.pad(moving, pad, constant_values=255))
  columns[-1] = columns[-1][:, :, : columns[-1].shape[2] - gap]
  return np.concatenate(columns, 2)


def scale(height: int, width: int) -> int:
  """Returns how often a pixel of a frame is repeated in each direction."""
  largest = max(_LARGEST_SCALE, math.ceil(_READABLE / width))
  return max(1, min(_WIDTH // max(height, width), largest))


def write(film: Film, path: Path) -> list[Path]:
  """Writes a GIF that repeats, and an MP4 beside it if ffmpeg is found.

  Args:
    film: what it shows, enlarged without blur.
    path: of the GIF.

  Returns:
    The files written.

  Raises:
    OSError: if one cannot be written; there is no half of it then.
  """
  writers = {path: _write_gif}
  if shutil.which('ffmpeg'):
    writers[path.with_suffix('.mp4')] = _write_mp4
  for file, writer in writers.items():
    with files.written(file) as aside:
      writer(film, aside)
  return list(writers)


def _painted(film: Film, indices: Sequence[int]) -> Iterator[Image.Image]:
  """Yields frames, enlarged, above their captions."""
  _, height, width, _ = film.frames.shape
  times = scale(height, width)
  font = ImageFont.load_default(_FONT_SIZE)
  size = (width * times, height * times)
  for i in indices:
    colours = np.broadcast_to(film.frames[i], (height, width, 3))
    picture = Image.fromarray(np.ascontiguousarray(colours))
    canvas = Image.new('RGB', (size[0], size[1] + _CAPTION), 'white')
    canvas.paste(picture.resize(size, Image.Resampling.NEAREST))
    ImageDraw.Draw(canvas).text(
      (2, size[1] + 2), film.captions[i], 'black', font
    )
    yield canvas


def _write_gif(film, path):
  # One palette for all: with a palette each, still parts would flicker, and be
  # stored again and again.
  palette = _palette(film)
  frames = (
    frame.quantize(palette=palette, dither=Image.Dither.NONE)
    for frame in _painted(film, range(len(film.frames)))
  )
  next(frames).save(
    path,
    'GIF',
    save_all=True,
    append_images=frames,
    duration=1000 // film.frames_per_second,
    loop=0,
  )


def _palette(film):
  count = len(film.frames)
  chosen = np.unique(np.linspace(0, count - 1, _NUM_SAMPLED).astype(int))
  sampled = [np.asarray(frame) for frame in _painted(film, chosen)]
  return Image.fromarray(np.concatenate(sampled)).quantize(_NUM_COLOURS)


def _write_mp4(film, path):
  frames = (
    np.asarray(frame) for frame in _painted(film, range(len(film.frames)))
  )
  first = next(frames)
  height, width, _ = first.shape
  command = ['ffmpeg', '-y', '-loglevel', 'error']
  command += ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', f'{width}x{height}']
  command += ['-r', str(film.frames_per_second), '-i', '-']
  # Players want 4:2:0, which wants even sides.
  command += ['-vf', 'pad=ceil(iw/2)*2:ceil(ih/2)*2', '-pix_fmt', 'yuv420p']
  pipe = subprocess.PIPE
  with subprocess.Popen(
    [*command, '-f', 'mp4', str(path)], stdin=pipe, stderr=pipe
  ) as process:
    # What ended it is on its standard error.
    with contextlib.suppress(BrokenPipeError):
      for frame in itertools.chain([first], frames):
        process.stdin.write(frame.tobytes())
    with contextlib.suppress(BrokenPipeError):
      process.stdin.close()
    lines = process.stderr.read().decode(errors='replace').splitlines()
  if process.returncode:
    raise OSError(lines[-1] if lines else f'ffmpeg ended {process.returncode}')
