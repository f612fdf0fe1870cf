"""How training went: the figures, and a batch of images."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from vqvae_tf.media import images
from vqvae_tf.runs import history, snapshots
from vqvae_tf.runs.snapshots import Snapshot
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.visualization import canvas, film
from vqvae_tf.visualization.material import Inapplicable, Material

_NUM_COLUMNS = 4
_FRAMES_PER_SECOND, _HELD = 5, 10
_CURVES = {
  'bits/dim': {
    'bits_per_dim': 'with codes (uniform prior)',
    'pixel_bits_per_dim': 'pixels alone',
  },
  'dB': {'psnr_db': 'PSNR of reconstructions'},
}


def curves(entries: list[dict]) -> plt.Figure:
  """Draws rate and distortion over training.

  Args:
    entries: of metrics.jsonl, of validations; what is missing or null is
      left out.
  """
  # Of an autoregressive decoder there are no reconstructions.
  known = {
    unit: {key: label for key, label in lines.items() if key in entries[0]}
    for unit, lines in _CURVES.items()
  }
  known = {unit: lines for unit, lines in known.items() if lines}
  drawn, panels = plt.subplots(
    1,
    len(known),
    figsize=(4.5 * len(known), 3),
    squeeze=False,
    layout='constrained',
  )
  steps = [entry['step'] for entry in entries]
  for axes, (unit, lines) in zip(panels[0], known.items(), strict=True):
    for (key, label), style in zip(lines.items(), ('-', '--'), strict=False):
      values = [entry[key] for entry in entries]
      axes.plot(steps, np.array(values, float), style, marker='.', label=label)
    axes.set(xlabel='step', ylabel=unit)
    axes.locator_params(axis='x', nbins=5)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
  drawn.suptitle('validation split during training', fontsize=9)
  return drawn


def animation(taken: list[Snapshot]) -> film.Film:
  """Returns originals beside their reconstructions over training."""
  columns = min(_NUM_COLUMNS, len(taken[0].originals))

  def tiled(batch):
    return images.tile(batch, columns)

  frames = film.beside(
    [
      tiled(taken[-1].originals),
      np.stack([tiled(snapshot.reconstructions) for snapshot in taken]),
    ],
    gap=4,
  )
  captions = [f'step {snapshot.step:,}' for snapshot in taken]
  # It stays for a while before it begins again.
  held = np.repeat(frames[-1:], _HELD, 0)
  return film.Film(
    np.concatenate([frames, held]),
    captions + captions[-1:] * _HELD,
    _FRAMES_PER_SECOND,
  )


def read_validations(workdir: Workdir) -> list[dict]:
  """Returns the entries of validations in metrics.jsonl."""
  entries = history.read(workdir.metrics_path)
  return [entry for entry in entries if entry.get('group') == 'validation']


def draw_curves(material: Material, folder: Path) -> list[Path]:
  """Draws rate and distortion on the validation split."""
  entries = read_validations(material.workdir)
  if not entries:
    raise Inapplicable(f'{material.workdir} has no validation yet')
  return [canvas.save(curves(entries), folder / 'curves.png')]


def draw_animation(material: Material, folder: Path) -> list[Path]:
  """Draws the reconstructions of some validation images over training."""
  taken = snapshots.read(material.workdir)
  if not taken:
    raise Inapplicable(
      f'{material.workdir} has no snapshots: it was trained before they were '
      'kept'
    )
  return film.write(animation(taken), folder / 'animation.gif')
