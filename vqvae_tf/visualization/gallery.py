"""Draws pictures by name."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from vqvae_tf.visualization import (
  code_maps,
  codebook,
  edits,
  history,
  interpolation,
  reconstructions,
  samples,
  surprise,
  usage,
  walk,
)
from vqvae_tf.visualization.material import Inapplicable, Material

DRAW: dict[str, Callable[[Material, Path], list[Path]]] = {
  'reconstructions': reconstructions.draw,
  'extremes': reconstructions.draw_extremes,
  'codes': code_maps.draw,
  'surprise': surprise.draw,
  'usage': usage.draw,
  'codebook': codebook.draw,
  'projector': codebook.draw_projector,
  'edits': edits.draw,
  'influence': edits.draw_influence,
  'walk': walk.draw,
  'interpolation': interpolation.draw,
  'mixing': interpolation.draw_mixing,
  'samples': samples.draw,
  'curves': history.draw_curves,
  'animation': history.draw_animation,
}


def draw(
  names: Iterable[str], material: Material, folder: Path
) -> Iterator[str]:
  """Draws pictures one after another.

  Args:
    names: of `names.PICTURES`.
    material: what they are made of.
    folder: where the files go.

  Yields:
    A line for each file, or why there is none.

  Raises:
    OSError: if a file cannot be written.
  """
  folder.mkdir(parents=True, exist_ok=True)
  for name in names:
    try:
      for path in DRAW[name](material, folder):
        yield f'drawn: {path}'
    except Inapplicable as reason:
      yield f'not drawn: {name}, for {reason}'
