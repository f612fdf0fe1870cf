"""The vectors of the codes: projected to a plane, and as a Projector folder.

References:
  The folder is that of https://www.tensorflow.org/tensorboard/
  tensorboard_projector_plugin.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from google.protobuf import text_format
from matplotlib.colors import LogNorm
from matplotlib.ticker import LogLocator
from sklearn import decomposition, manifold
from tensorboard.plugins import projector

from vqvae_tf import files
from vqvae_tf.visualization import canvas
from vqvae_tf.visualization.material import Inapplicable, Material

_NUM_CODEBOOKS = 4
# t-SNE takes seconds for each thousand.
_MAX_POINTS = 2048
_NEIGHBOURS = 30
# Below, the approximation (Barnes-Hut) takes longer than what it saves.
_FEW_POINTS = 100


class Codebook(NamedTuple):
  """The vectors of one codebook.

  Attributes:
    name: which one.
    vectors: float `[K, D]`, of code k in row k.
    counts: int `[K]`, how often each is used.
  """

  name: str
  vectors: np.ndarray
  counts: np.ndarray


def planes(vectors: np.ndarray, seed: int) -> dict[str, np.ndarray]:
  """Projects vectors to the plane by PCA and by t-SNE.

  Args:
    vectors: float `[K, D]`, K at least 2.
    seed: of t-SNE.

  Returns:
    Float `[K, 2]` by the name of the method; t-SNE needs 5 vectors.
  """
  # Less of them than two dimensions: the rest is zero.
  wide = np.pad(vectors, [(0, 0), (0, max(0, 2 - vectors.shape[1]))])
  pca = decomposition.PCA(2, svd_solver='full').fit(wide)
  explained = 100 * np.sum(pca.explained_variance_ratio_)
  places = {f'PCA ({explained:.0f} % of the variance)': pca.transform(wide)}
  if len(vectors) >= 5:
    neighbours = min(_NEIGHBOURS, (len(vectors) - 1) / 3)
    method = manifold.TSNE(
      2,
      perplexity=neighbours,
      random_state=seed,
      method='exact' if len(vectors) < _FEW_POINTS else 'barnes_hut',
    )
    places[f't-SNE (perplexity {neighbours:.0f})'] = method.fit_transform(wide)
  return places


def figure(codebooks: Sequence[Codebook], seed: int) -> plt.Figure:
  """Draws codebooks in the plane, coloured by use, one row each."""
  drawn, rows = plt.subplots(
    len(codebooks),
    2,
    figsize=(9, 0.4 + 3.9 * len(codebooks)),
    squeeze=False,
    layout='constrained',
  )
  for row, codebook in zip(rows, codebooks, strict=True):
    order = np.argsort(-codebook.counts, kind='stable')[:_MAX_POINTS]
    vectors, share = codebook.vectors[order], codebook.counts[order]
    share = 100 * share / codebook.counts.sum()
    places = planes(vectors, seed)
    for axes, (method, points) in zip(row, places.items(), strict=False):
      dots = _scatter(axes, points, share)
      axes.set_title(f'{codebook.name}{method}', fontsize=9)
    bar = drawn.colorbar(
      dots,
      ax=row,
      label='% of positions (cross: never used)',
      ticks=LogLocator(subs=(1, 2, 5)),
      format='%g',
    )
    # Labels of these would be powers of ten, between numbers that are none.
    bar.minorticks_off()
    for axes in row[len(places) :]:
      axes.axis('off')
  return drawn


def _scatter(axes, points, share):
  used = share > 0
  rarest = share[used].min()
  dots = axes.scatter(
    *points[used].T,
    c=share[used],
    s=14,
    cmap='viridis_r',
    # Codes that are used alike would leave a scale without a length.
    norm=LogNorm(rarest, max(share.max(), 2 * rarest)),
    edgecolors='black',
    linewidths=0.2,
  )
  axes.scatter(*points[~used].T, c='tab:red', s=14, marker='x', linewidths=0.8)
  axes.set(xticks=[], yticks=[], aspect='equal', adjustable='datalim')
  return dots


def write_projector(codebooks: Sequence[Codebook], folder: Path) -> list[Path]:
  """Writes a folder that TensorBoard's Embedding Projector shows.

  Args:
    codebooks: each becomes a tensor, whose points are called by their codes.
    folder: that is given to `tensorboard --logdir`.

  Returns:
    The files written.
  """
  config, paths = projector.ProjectorConfig(), []
  for m, codebook in enumerate(codebooks):
    share = 100 * codebook.counts / codebook.counts.sum()
    rows = zip(codebook.counts, share, strict=True)
    metadata = ['code\tcount\t% of positions']
    metadata += [f'{k}\t{n}\t{part:.4f}' for k, (n, part) in enumerate(rows)]
    vectors = [
      '\t'.join(f'{value:.6g}' for value in vector)
      for vector in codebook.vectors
    ]
    names = [f'codebook_{m}_{kind}.tsv' for kind in ('vectors', 'metadata')]
    for name, lines in zip(names, (vectors, metadata), strict=True):
      paths.append(folder / name)
      files.write_text(paths[-1], '\n'.join(lines) + '\n')
    config.embeddings.add(
      tensor_name=f'codebook_{m}',
      tensor_shape=codebook.vectors.shape,
      tensor_path=names[0],
      metadata_path=names[1],
    )
  # The name that the plugin looks for.
  paths.append(folder / 'projector_config.pbtxt')
  files.write_text(paths[-1], text_format.MessageToString(config))
  return paths


def _codebooks(material: Material) -> list[Codebook]:
  """Returns the codebooks of a model.

  Raises:
    Inapplicable: if it has none.
  """
  settings = material.subject.config.quantizer
  if not settings.has_codebook:
    raise Inapplicable(
      f'--quantizer={settings.quantizer} has no codebook: its codes are fixed'
    )
  if max(material.sizes) == 1:
    raise Inapplicable('there is but one code')
  codebooks = []
  for m, vectors in enumerate(material.tables):
    # Of a part of a vector, the dimensions that are its own.
    own = vectors[:, np.ptp(vectors, 0) > 0]
    name = f'codebook {m}: ' if len(material.sizes) > 1 else ''
    codebooks.append(Codebook(name, own, material.counts[m]))
  return codebooks


def draw(material: Material, folder: Path) -> list[Path]:
  """Draws the codebooks of a model in the plane."""
  drawn = figure(_codebooks(material)[:_NUM_CODEBOOKS], material.seed)
  return [canvas.save(drawn, folder / 'codebook.png')]


def draw_projector(material: Material, folder: Path) -> list[Path]:
  """Writes the codebooks of a model for TensorBoard's Embedding Projector."""
  return write_projector(_codebooks(material), folder / 'projector')
