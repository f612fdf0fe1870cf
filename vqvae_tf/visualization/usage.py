"""How often each code is used."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from vqvae_tf.metrics.usage import usage
from vqvae_tf.visualization import canvas
from vqvae_tf.visualization.material import Material

_NUM_CODEBOOKS = 4


def figure(counts: Sequence[np.ndarray], title: str) -> plt.Figure:
  """Draws the share of each code, most used first, one row per codebook.

  Args:
    counts: int `[K]` of each codebook.
    title: what was counted.
  """
  shown = counts[:_NUM_CODEBOOKS]
  drawn, rows = plt.subplots(
    len(shown),
    figsize=(7, 0.4 + 2.4 * len(shown)),
    squeeze=False,
    layout='constrained',
  )
  for m, (axes, of_codes) in enumerate(zip(rows[:, 0], shown, strict=True)):
    share = 100 * np.sort(of_codes)[::-1] / of_codes.sum()
    places = np.arange(len(share) + 1)
    axes.stairs(share, places, fill=True, color='tab:blue')
    axes.axhline(
      100 / len(share), color='black', linewidth=0.8, linestyle='dashed'
    )
    found = usage([of_codes])
    name = f'codebook {m}: ' if len(counts) > 1 else ''
    axes.set_title(
      f'{name}{100 * found["codes_in_use"]:.1f} % of {len(share):,} codes in '
      f'use, perplexity {found["perplexity"]:.1f} (dashed: equal use)',
      fontsize=9,
    )
    axes.set(xlim=(0, len(share)), ylabel='% of positions')
  axes.set_xlabel('code, most used first')
  if len(shown) < len(counts):
    title += f' (the first {len(shown)} of {len(counts)} codebooks)'
  drawn.suptitle(title, fontsize=9)
  return drawn


def draw(material: Material, folder: Path) -> list[Path]:
  """Draws the usage of the codes by the split."""
  data = material.data
  title = f'codes of {data.num_examples:,} images ({data.name}, {data.split})'
  drawn = figure(material.counts, title)
  return [canvas.save(drawn, folder / 'usage.png')]
