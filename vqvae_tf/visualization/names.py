"""Names of the pictures and what they need; loads nothing."""

from collections.abc import Sequence
from typing import NamedTuple

from vqvae_tf.errors import UserError


class Picture(NamedTuple):
  """What is said of a picture.

  Attributes:
    shows: one line.
    needs_data: whether it needs images of a data set.
    needs_history: whether it needs the workdir of a run.
  """

  shows: str
  needs_data: bool = True
  needs_history: bool = False


PICTURES = {
  'reconstructions': Picture('images, reconstructions, error maps and PSNR'),
  'extremes': Picture('the same of the best and the worst of the split'),
  'codes': Picture('images beside the maps of their codes'),
  'surprise': Picture('bits of each pixel, and of codes under the prior'),
  'usage': Picture('how often each code is used, and the perplexity'),
  'codebook': Picture('PCA and t-SNE of the codebook, coloured by use'),
  'projector': Picture('the codebook for TensorBoard: --logdir=.../projector'),
  'edits': Picture('an image with each value of one code'),
  'influence': Picture('where in the image each position acts'),
  'walk': Picture('single codes move, at random and as the prior allows: GIF'),
  'interpolation': Picture('from an image to another: GIF and frames'),
  'mixing': Picture('left half of the codes of one image, right of another'),
  'samples': Picture(
    'images that the prior makes up, by class, and a uniform one', False
  ),
  'curves': Picture('bits/dim and PSNR over training', False, True),
  'animation': Picture('reconstructions over training: GIF', False, True),
}


def chosen(only: Sequence[str] | None, has_history: bool) -> list[str]:
  """Returns the names of the pictures to draw.

  Args:
    only: names; None: all that can be drawn.
    has_history: whether there is a workdir.

  Raises:
    UserError: if there is no such picture, or it needs a workdir.
  """
  if only is None:
    return [
      name
      for name, picture in PICTURES.items()
      if has_history or not picture.needs_history
    ]
  flag = f'--only={",".join(only)}'
  if not only or not set(only) <= set(PICTURES):
    raise UserError(f'{flag}: give one or more of {",".join(PICTURES)}')
  for name in only:
    if PICTURES[name].needs_history and not has_history:
      raise UserError(
        f'{flag}: {name} needs the history of a run: give --workdir=RUN'
      )
  return list(only)


def needs_data(names: Sequence[str]) -> bool:
  """Returns whether one of some pictures needs images of a data set."""
  return any(PICTURES[name].needs_data for name in names)


def listed() -> str:
  """Returns the pictures as lines."""
  return '\n'.join(
    f'{name:<16} {picture.shows}'
    f'{" (with --workdir)" if picture.needs_history else ""}'
    for name, picture in PICTURES.items()
  )
