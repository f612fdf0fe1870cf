"""Figures of a trained model (matplotlib lives only here)."""

import json
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use('Agg')

import matplotlib.pyplot as plt
import numpy as np

from vqvae_tf import images, metrics
from vqvae_tf.checkpoints import Workdir
from vqvae_tf.datasets import pipeline
from vqvae_tf.datasets.source import Source
from vqvae_tf.subjects import Subject

_COLUMNS = 12


def draw_all(subject: Subject, data: Source, folder: Path) -> list[Path]:
  """Draws reconstructions, code maps and code usage of a split.

  Args:
    subject: the model.
    data: images to draw and to count codes on.
    folder: where the PNG files go.

  Returns:
    The files written.

  Raises:
    OSError: if they cannot be written.
  """
  folder.mkdir(parents=True, exist_ok=True)
  originals = next(iter(pipeline.in_order(data, 2 * _COLUMNS)))[0]
  result = subject.assess(originals)
  counts = _count(subject, data)
  return [
    _save(
      folder / 'reconstructions.png',
      reconstructions,
      originals.numpy(),
      subject.reconstruct(originals).numpy(),
    ),
    _save(
      folder / 'codes.png',
      code_maps,
      originals.numpy(),
      result.codes.numpy(),
      subject.codebook_sizes[0],
    ),
    _save(folder / 'code_usage.png', code_usage, counts[0]),
  ]


def draw_curves(workdir: Workdir, folder: Path) -> list[Path]:
  """Draws bits/dim and PSNR of the validation split over training.

  Args:
    workdir: of a run with at least one validation.
    folder: where the PNG file goes.

  Returns:
    The files written; none if the run has no validation yet.
  """
  entries = []
  if workdir.metrics_path.exists():
    lines = workdir.metrics_path.read_text().splitlines()
    entries = [json.loads(line) for line in lines]
  entries = [entry for entry in entries if entry['group'] == 'validation']
  if not entries:
    return []
  folder.mkdir(parents=True, exist_ok=True)
  return [_save(folder / 'training.png', training_curves, entries)]


def reconstructions(originals: np.ndarray, decoded: np.ndarray) -> plt.Figure:
  """Draws originals above their reconstructions: uint8 `[B, H, W, C]` each."""
  rows = []
  for begin in range(0, len(originals), _COLUMNS):
    part = slice(begin, begin + _COLUMNS)
    rows += [_row(originals[part]), _row(decoded[part])]
  picture = np.concatenate(rows)
  figure, axes = plt.subplots(figsize=_size(picture))
  _show(axes, picture)
  error = (originals.astype(float) - decoded) ** 2
  axes.set_title(
    'originals, and below each row what the decoder makes of their codes '
    f'({images.psnr_db(error.mean()):.1f} dB)',
    fontsize=9,
  )
  return figure


def code_maps(
  originals: np.ndarray, codes: np.ndarray, num_embeddings: int
) -> plt.Figure:
  """Draws images above the maps of their codes (first codebook)."""
  count = min(_COLUMNS // 2, len(originals))
  figure, axes = plt.subplots(2, count, figsize=(1.4 * count, 3.1))
  axes = np.reshape(axes, [2, count])
  for i in range(count):
    _show(axes[0, i], originals[i])
    axes[1, i].imshow(
      codes[i, ..., 0], cmap='viridis', vmin=0, vmax=num_embeddings - 1
    )
    axes[1, i].axis('off')
  figure.suptitle(
    f'images and their codes, {codes.shape[1]}x{codes.shape[2]} positions '
    f'out of K = {num_embeddings}',
    fontsize=9,
  )
  return figure


def code_usage(counts: np.ndarray) -> plt.Figure:
  """Draws how often each code of a codebook is used, most used first."""
  figure, axes = plt.subplots(figsize=(6, 2.6))
  share = np.sort(counts)[::-1] / counts.sum()
  axes.bar(np.arange(len(share)), share, width=1.0)
  axes.axhline(1 / len(share), color='black', linewidth=0.8, linestyle='--')
  usage = metrics.usage([counts])
  axes.set(
    xlabel='code, most used first',
    ylabel='share of positions',
    title=(
      f'{100 * usage["codes_in_use"]:.1f} % of {len(share)} codes in use, '
      f'perplexity {usage["perplexity"]:.1f} (dashed: equal use)'
    ),
  )
  axes.title.set_fontsize(9)
  return figure


def training_curves(entries: list[dict]) -> plt.Figure:
  """Draws the validation entries of metrics.jsonl."""
  steps = [entry['step'] for entry in entries]
  labels = {'bits_per_dim': 'bits/dim (uniform p(z))', 'psnr_db': 'PSNR, dB'}
  # Of an autoregressive decoder there are samples alone.
  labels = {key: labels[key] for key in labels if key in entries[0]}
  count = len(labels)
  figure, axes = plt.subplots(1, count, figsize=(3.5 * count, 2.6))
  for ax, (key, label) in zip(np.ravel(axes), labels.items(), strict=True):
    ax.plot(steps, [entry[key] for entry in entries], marker='.')
    ax.set(xlabel='step', ylabel=label)
    ax.grid(alpha=0.3)
  figure.suptitle('validation split during training', fontsize=9)
  return figure


def _count(subject: Subject, data: Source) -> list[np.ndarray]:
  counts = [np.zeros(size, np.int64) for size in subject.codebook_sizes]
  for batch, _ in pipeline.in_order(data, 100):
    codes = subject.assess(batch).codes
    new = metrics.count_codes(codes, subject.codebook_sizes)
    counts = [a + b for a, b in zip(counts, new, strict=True)]
  return counts


def _row(batch: np.ndarray) -> np.ndarray:
  row = images.tile(batch, _COLUMNS)
  return np.pad(row, [(0, 2), (0, 0), (0, 0)], constant_values=255)


def _size(picture: np.ndarray) -> tuple[float, float]:
  height, width = picture.shape[:2]
  return 9.0, 9.0 * height / width + 0.5


def _show(axes: plt.Axes, picture: np.ndarray) -> None:
  grey = picture.shape[-1] == 1
  axes.imshow(
    picture[..., 0] if grey else picture,
    cmap='gray',
    vmin=0,
    vmax=255,
    interpolation='nearest',
  )
  axes.axis('off')


def _save(path: Path, draw: Callable[..., plt.Figure], *args) -> Path:
  figure = draw(*args)
  figure.tight_layout()
  try:
    figure.savefig(path, dpi=120, bbox_inches='tight')
  except OSError as error:
    path.unlink(missing_ok=True)
    raise OSError(f'cannot write {path}: {error}') from error
  finally:
    plt.close(figure)
  return path
