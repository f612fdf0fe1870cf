"""What the prior makes up, class by class."""

from pathlib import Path

from vqvae_tf.sampling import draw as sampling
from vqvae_tf.visualization import canvas
from vqvae_tf.visualization.material import Material

_NUM_COLUMNS, _MAX_CLASSES = 10, 20
# Of an unconditional prior.
_NUM_ROWS = 5


def draw(material: Material, folder: Path) -> list[Path]:
  """Draws images from the prior, a row for each class.

  Raises:
    Inapplicable: if there is no prior.
  """
  material.check_prior()
  subject = material.subject
  classes = sampling.labels(subject, None)[:_MAX_CLASSES]
  num_rows = len(classes) if subject.prior.num_classes else _NUM_ROWS
  count = _NUM_COLUMNS * num_rows
  draws = sampling.draw(subject, count, classes, material.seed)
  names = []
  if subject.prior.num_classes:
    names = [subject.config.class_names[label] for label in classes]
  strip = canvas.Strip(
    'samples: codes from the prior, decoded (temperature 1)',
    draws.images,
    _NUM_COLUMNS,
    rows=names,
  )
  return [canvas.save(canvas.sheet([strip]), folder / 'samples.png')]
