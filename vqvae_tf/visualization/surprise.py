"""Where an image is surprising: the bits of its pixels and of its codes."""

from pathlib import Path

import numpy as np

from vqvae_tf.visualization import canvas
from vqvae_tf.visualization.material import Inapplicable, Material

_NUM_COLUMNS = 8


def strip(
  title: str, maps: np.ndarray, unit: str, num_dims: int
) -> canvas.Strip:
  """Returns maps of bits.

  Args:
    title: whose bits they are.
    maps: float `[B, H, W]`, bits of each place.
    unit: of these.
    num_dims: H W C of the images, for the labels: bits/dim.
  """
  # A few places that are wholly unexpected would leave the rest white.
  high = max(1.0, float(np.quantile(maps, 0.995)))
  totals = maps.sum((1, 2), dtype=np.float64) / num_dims
  return canvas.Strip(
    title,
    maps,
    max(_NUM_COLUMNS, len(maps)),
    [f'{total:.3f} bits/dim' for total in totals],
    canvas.Scale(0, high, unit, 'gist_heat_r', True),
  )


def draw(material: Material, folder: Path) -> list[Path]:
  """Draws what pixels cost given the codes, and codes given the earlier ones.

  Raises:
    Inapplicable: if neither is known.
  """
  subject, count = material.subject, _NUM_COLUMNS
  images, codes = material.images[:count], material.codes[:count]
  num_dims = int(np.prod(images.shape[1:]))
  name = f'originals ({material.data.name}, {material.data.split})'
  pictures = [canvas.Strip(name, images, max(count, len(images)))]
  if subject.has_pixel_bits:
    maps = np.asarray(subject.pixel_bits_map(codes, images))
    earlier = ' and the earlier pixels' if material.is_sampled else ''
    title = f'bits of each pixel given the codes{earlier}'
    pictures.append(strip(title, maps, 'bits per pixel', num_dims))
  if subject.prior:
    maps = material.code_bits(codes, material.labels[:count]).sum(-1)
    uniform = np.sum(np.log2(material.sizes))
    title = (
      'bits of the codes of each position under the prior, given the earlier '
      f'ones{_and_class(subject.prior)} (uniform: {uniform:.1f})'
    )
    pictures.append(strip(title, maps, 'bits per position', num_dims))
  if len(pictures) == 1:
    raise Inapplicable(
      f'{subject.origin} has no prior, and was exported before exports told '
      'the bits of each pixel: export the run again'
    )
  return [canvas.save(canvas.sheet(pictures), folder / 'surprise.png')]


def _and_class(prior):
  return ' and the likeliest class' if prior.num_classes else ''
