"""What the prior makes up, class by class, and what a uniform prior would."""

from pathlib import Path

import numpy as np

from vqvae_tf.sampling import draw as sampling
from vqvae_tf.visualization import canvas
from vqvae_tf.visualization.material import Material

_NUM_COLUMNS, _MAX_CLASSES = 10, 20
# Of an unconditional prior, and of a uniform one, which knows no classes.
_NUM_ROWS, _NUM_UNIFORM_ROWS = 5, 3


def draw(material: Material, folder: Path) -> list[Path]:
  """Draws images from the prior, a row for each class, and from a uniform one.

  Raises:
    Inapplicable: if there is no prior.
  """
  material.check_prior()
  learned = _learned(material)
  rows = ['uniform', *[''] * (_NUM_UNIFORM_ROWS - 1)] if learned.rows else []
  uniform = canvas.Strip(
    'for comparison: codes from the uniform prior, each as likely as any '
    'other, by the same decoder',
    _uniform_images(material),
    _NUM_COLUMNS,
    rows=rows,
  )
  return [canvas.save(canvas.sheet([learned, uniform]), folder / 'samples.png')]


def _learned(material):
  subject = material.subject
  classes = sampling.labels(subject, None)[:_MAX_CLASSES]
  num_rows = len(classes) if subject.prior.num_classes else _NUM_ROWS
  count = _NUM_COLUMNS * num_rows
  draws = sampling.draw(subject, count, classes, material.seed)
  names = []
  if subject.prior.num_classes:
    names = [subject.config.class_names[label] for label in classes]
  return canvas.Strip(
    'samples: codes from the learned prior, decoded (temperature 1)',
    draws.images,
    _NUM_COLUMNS,
    rows=names,
  )


def _uniform_images(material):
  shape = (_NUM_COLUMNS * _NUM_UNIFORM_ROWS, *material.subject.code_shape)
  codes = material.rng().integers(0, material.sizes, shape, np.int32)
  # In one batch, where samples have random numbers of their own.
  return np.asarray(material.subject.decode(codes))
