"""Images that a model with a prior makes up."""

from typing import NamedTuple

import numpy as np

from vqvae_tf import configs, files
from vqvae_tf.errors import UserError
from vqvae_tf.sampling.complete import Kept
from vqvae_tf.serving.subject import Subject

_BATCH_SIZE = 64


class Draws(NamedTuple):
  """What is drawn.

  Attributes:
    codes: int32 `[n, h, w, M]`.
    images: uint8 `[n, H, W, C]`.
    labels: int32 `[n]`; -1 where there is none.
  """

  codes: np.ndarray
  images: np.ndarray
  labels: np.ndarray


def labels(subject: Subject, name: str | None) -> list[int]:
  """Returns the labels that are asked for.

  Args:
    subject: one with a prior.
    name: a class or its number; None stands for all.

  Returns:
    Labels; [-1] of an unconditional prior.

  Raises:
    UserError: if there is no prior, or no such class.
  """
  if not subject.prior:
    raise UserError(
      f'{subject.origin} has no prior to draw from: train one with bin/prior '
      '--workdir=RUN (and export the run again)'
    )
  count, names = subject.prior.num_classes, subject.config.class_names
  if name is None:
    return list(range(count)) or [-1]
  if not count:
    raise UserError(
      f'the prior of {subject.origin} knows no classes: leave --label out'
    )
  if name in names:
    return [names.index(name)]
  if name.isdecimal() and int(name) < count:
    return [int(name)]
  raise UserError(
    f'--label={name} is no class and no number in 0..{count - 1}'
    f'{configs.nearest(name, names)}'
  )


def draw(
  subject: Subject,
  num: int,
  classes: list[int],
  seed: int,
  temperature: float = 1.0,
  top_p: float = 1.0,
  kept: Kept | None = None,
  batch_size: int = _BATCH_SIZE,
) -> Draws:
  """Draws images, as many of each class, with a bar on a terminal.

  Args:
    subject: one with a prior.
    num: how many; the first classes get what cannot be shared out.
    classes: their labels, as `labels` returns them.
    seed: of all of them.
    temperature: as `CodePrior.sample` has it.
    top_p: likewise.
    kept: of an image, which is completed.
    batch_size: images that are drawn at once, at most; with another one, other
      images are drawn.

  Returns:
    `Draws`, class by class.
  """
  classes = classes[:num]
  shares = [len(part) for part in np.array_split(np.arange(num), len(classes))]
  # Always as many: what a seed draws depends on the size of the batch.
  batch = min(max(shares), batch_size)
  # The label of each batch, and how many of its images are wanted.
  calls = [
    (label, min(batch, share - begin))
    for label, share in zip(classes, shares, strict=True)
    for begin in range(0, share, batch)
  ]
  sample = subject.prior.sampler(len(calls), batch, subject.is_sampled)
  given = {'given': kept.codes, 'mask': kept.mask} if kept else {}
  parts = []
  with files.bar(num, 'sampling') as bar:
    for i, (label, count) in enumerate(calls):
      drawn = sample(batch, [seed, i], label, temperature, top_p, **given)
      codes, pictures = (np.asarray(part)[:count] for part in drawn)
      parts.append((codes, pictures, np.full(count, label, np.int32)))
      bar.update(count)
  return Draws(*map(np.concatenate, zip(*parts, strict=True)))
