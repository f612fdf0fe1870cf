"""Originals, reconstructions and their differences."""

from pathlib import Path

import numpy as np

from vqvae_tf.media.examples import psnr_db
from vqvae_tf.visualization import canvas
from vqvae_tf.visualization.material import Material, squared_errors

_NUM_COLUMNS = 8


def strips(
  title: str, originals: np.ndarray, decoded: np.ndarray, is_sampled: bool
) -> list[canvas.Strip]:
  """Returns originals, what became of them, and maps of the differences.

  Args:
    title: which images they are.
    originals: uint8 `[B, H, W, C]`.
    decoded: likewise.
    is_sampled: whether these are samples of an autoregressive decoder.
  """
  difference = np.abs(originals.astype(np.float64) - decoded).mean(-1)
  # A few pixels that are wholly wrong would leave the rest white.
  high = max(1.0, float(np.quantile(difference, 0.995)))
  scale = canvas.Scale(0, high, 'grey levels', 'gist_heat_r', True)
  decibels = [psnr_db(e) for e in squared_errors(originals, decoded)]
  name = 'one sample each, given the codes' if is_sampled else 'reconstructions'
  columns = max(_NUM_COLUMNS, len(originals))
  return [
    canvas.Strip(title, originals, columns),
    canvas.Strip(name, decoded, columns),
    canvas.Strip(
      'mean absolute difference of the channels, and PSNR',
      difference,
      columns,
      [f'{value:.1f} dB' for value in decibels],
      scale,
    ),
  ]


def draw(material: Material, folder: Path) -> list[Path]:
  """Draws some images of the split."""
  count = _NUM_COLUMNS
  pictures = strips(
    f'originals ({material.data.name}, {material.data.split})',
    material.images[:count],
    _decoded(material, material.codes[:count]),
    material.is_sampled,
  )
  path = folder / 'reconstructions.png'
  return [canvas.save(canvas.sheet(pictures), path)]


def draw_extremes(material: Material, folder: Path) -> list[Path]:
  """Draws those images of the split that are represented best and worst."""
  order = np.argsort(material.errors, kind='stable')
  measure = 'bits of the pixels' if material.is_sampled else 'PSNR'
  count = min(_NUM_COLUMNS, len(order))
  pictures = []
  for which, indices in (
    ('best', order[:count]),
    ('worst', order[::-1][:count]),
  ):
    originals = material.fetch(indices)
    decoded = _decoded(material, material.subject.encode(originals))
    title = f'the {which} {count} of {len(order):,} by {measure}: originals'
    pictures += strips(title, originals, decoded, material.is_sampled)
  path = folder / 'extremes.png'
  return [canvas.save(canvas.sheet(pictures), path)]


def _decoded(material, codes):
  # In one batch: samples that share their random numbers would look alike.
  return np.asarray(material.subject.decode(codes))
