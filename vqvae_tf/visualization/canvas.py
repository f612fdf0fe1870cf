"""Sheets of images: strips below each other, with labels and colour bars.

Pixels are drawn as squares, never blurred, and every length is in inches, so
that a label has its place whatever the size of the images.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib

matplotlib.use('Agg')

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from vqvae_tf import files

_WIDTH = 9.0
_LARGEST_CELL = 1.3
_GAP, _LABEL, _TITLE, _BAR = 0.05, 0.17, 0.32, 1.0
# Left of rows that have names.
_MARGIN = 0.9
_DOTS_PER_INCH = 130


class Scale(NamedTuple):
  """How numbers become colours.

  Attributes:
    low: the number of the first colour.
    high: of the last.
    label: what the numbers are, with their unit.
    colours: a colour map of matplotlib of steady lightness, as it is printed.
    is_open: whether larger numbers have the last colour, too.
  """

  low: float
  high: float
  label: str
  colours: str = 'viridis'
  is_open: bool = False


class Mark(NamedTuple):
  """A frame around a part of an image.

  Attributes:
    index: of the image in its strip.
    box: top, left, height and width in pixels.
    colour: one of matplotlib.
  """

  index: int
  box: tuple[float, float, float, float]
  colour: str = 'red'


class Strip(NamedTuple):
  """Images in rows, below a title.

  Attributes:
    title: says what they are.
    batch: uint8 `[B, H, W, C]`, or numbers `[B, H, W]`.
    columns: images in a row.
    labels: one to stand below each image, or none.
    scale: of numbers; it is drawn beside them.
    marks: frames.
    rows: one to stand left of each row, or none.
  """

  title: str
  batch: np.ndarray
  columns: int
  labels: Sequence[str] = ()
  scale: Scale | None = None
  marks: Sequence[Mark] = ()
  rows: Sequence[str] = ()


def sheet(strips: Sequence[Strip]) -> plt.Figure:
  """Draws strips below each other: one `Axes` each, whose unit is an inch.

  Args:
    strips: from top to bottom.

  Returns:
    The figure; the axes of colour bars come after those of the strips.
  """
  heights = [_height(strip) for strip in strips]
  total = sum(heights) + _GAP
  bar = _BAR if any(strip.scale for strip in strips) else 0
  figure = plt.figure(figsize=(_WIDTH + bar + 2 * _GAP, total))
  width, top = figure.get_figwidth(), total
  bars = []
  for strip, height in zip(strips, heights, strict=True):
    top -= height
    place = (_GAP / width, top / total, _WIDTH / width, height / total)
    axes = figure.add_axes(place)
    axes.set(xlim=(0, _WIDTH), ylim=(height, 0))
    axes.axis('off')
    axes.text(0, 0.6 * _TITLE, strip.title, fontsize=9, va='center')
    bars.append((_fill(axes, strip), strip, top, height))
  for drawn, strip, top, height in bars:
    if strip.scale:
      _add_bar(figure, drawn, strip, (top, height))
  return figure


def save(figure: plt.Figure, path: Path) -> Path:
  """Writes a figure and closes it; returns the path.

  Raises:
    OSError: if it cannot be written; there is no half of it then.
  """
  try:
    with files.written(path) as aside:
      figure.savefig(aside, dpi=_DOTS_PER_INCH, format='png')
  finally:
    plt.close(figure)
  return path


def _cell(strip):
  """Returns width and height of an image, and of it with what surrounds it."""
  outer = min(_LARGEST_CELL, (_WIDTH - _margin(strip)) / strip.columns)
  width = outer - _GAP
  height = width * strip.batch.shape[1] / strip.batch.shape[2]
  return width, height, outer, height + (_LABEL if strip.labels else 0) + _GAP


def _margin(strip):
  return _MARGIN if strip.rows else 0.0


def _height(strip):
  rows = -(-len(strip.batch) // strip.columns)
  return _TITLE + rows * _cell(strip)[3]


def _fill(axes, strip):
  """Draws the images of a strip; returns the last."""
  width, height, right, down = _cell(strip)
  corners = []
  for i, image in enumerate(strip.batch):
    left = _margin(strip) + i % strip.columns * right
    top = _TITLE + i // strip.columns * down
    corners.append((left, top))
    # `imshow` would set the limits and the aspect of the axes to the image's.
    shown = axes.imshow(
      image[..., 0] if image.shape[2:] == (1,) else image,
      extent=(left, left + width, top + height, top),
      interpolation='nearest',
      aspect='auto',
      **_colours(strip.scale),
    )
    # White images would have no end on white paper.
    _frame(axes, (left, top, width, height), 'lightgrey')
    if strip.labels:
      x, y = left + width / 2, top + height + _LABEL / 2
      axes.text(x, y, strip.labels[i], fontsize=7, ha='center', va='center')
  for i, name in enumerate(strip.rows):
    x, y = _MARGIN - 2 * _GAP, _TITLE + i * down + height / 2
    axes.text(x, y, name, fontsize=8, ha='right', va='center')
  axes.set(xlim=(0, _WIDTH), ylim=(_height(strip), 0))
  inches = width / strip.batch.shape[2]
  for index, box, colour in strip.marks:
    (left, top), (y, x, tall, wide) = corners[index], np.multiply(box, inches)
    _frame(axes, (left + x, top + y, wide, tall), colour)
  return shown


def _frame(axes, box, colour):
  left, top, width, height = box
  axes.add_patch(
    Rectangle(
      (left, top), width, height, fill=False, edgecolor=colour, linewidth=0.8
    )
  )


def _colours(scale):
  if scale is None:
    return {'cmap': 'gray', 'vmin': 0, 'vmax': 255}
  return {'cmap': scale.colours, 'vmin': scale.low, 'vmax': scale.high}


def _add_bar(figure, drawn, strip, place):
  bottom, height = place
  width, total = figure.get_size_inches()
  # Beside the images: a few columns leave the rest of the width empty.
  right = _margin(strip) + strip.columns * _cell(strip)[2]
  tall = min(height - _TITLE - _GAP, 2.0)
  top = bottom + height - _TITLE
  axes = figure.add_axes(
    (
      (right + 2 * _GAP) / width,
      (top - tall) / total,
      0.12 / width,
      tall / total,
    )
  )
  bar = figure.colorbar(
    drawn, cax=axes, extend='max' if strip.scale.is_open else 'neither'
  )
  bar.set_label(strip.scale.label, fontsize=7)
  bar.ax.tick_params(labelsize=7)
