"""Image files as uint8 arrays: the one place where they are decoded."""

import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

# By content, whatever a file is called: Pillow would hand an EPS to a program.
_FORMATS = ('BMP', 'GIF', 'JPEG', 'PNG', 'PPM', 'TIFF', 'WEBP')
EXTENSIONS = (
  '.bmp',
  '.gif',
  '.jfif',
  '.jpeg',
  '.jpg',
  '.pgm',
  '.png',
  '.ppm',
  '.tif',
  '.tiff',
  '.webp',
)
# A photograph of 61 megapixels passes; decoded it takes 200 MB.
MAX_PIXELS = 2**26

_BITS_PER_SAMPLE, _PHOTOMETRIC, _BLACK_IS_ZERO = 258, 262, 1


def decode(path: str | os.PathLike) -> np.ndarray:
  """Reads an image file, as a camera or a viewer would show it.

  Grey levels v of 16 bits become round(v / 257), floats in 0..1 round(255 v);
  of colours of 16 bits the high byte is taken. What is transparent is laid over
  black. Of several frames the first counts.

  Args:
    path: a regular file: BMP, GIF, JPEG, PNG, PPM, TIFF or WebP by its content,
      of at most `MAX_PIXELS` pixels.

  Returns:
    uint8 `[H, W, 3]`, red, green, blue.

  Raises:
    ValueError: the file is damaged or no such image, or its numbers have no
      range that is known; the message is one line that names it.
  """
  try:
    # To open a pipe or a device may take forever.
    if Path(path).exists() and not Path(path).is_file():
      raise ValueError('it is no regular file')
    with Image.open(path, formats=_FORMATS) as file:
      if file.width * file.height > MAX_PIXELS:
        raise ValueError(
          f'it has {file.width}x{file.height} pixels, the limit is {MAX_PIXELS}'
        )
      return np.asarray(
        _opaque(_of_8_bits(file, ImageOps.exif_transpose(file)))
      )
  # Pillow's decoders raise nearly every kind of exception on damaged files.
  except Exception as error:
    reason = ' '.join(str(error).split()) or type(error).__name__
    raise ValueError(f'cannot read the image {path}: {reason}') from error


def _of_8_bits(file, image):
  """The image with 8 bits per number, in any mode."""
  if image.mode == 'F':
    return _from_floats(np.asarray(image))
  if image.mode != 'I' and not image.mode.startswith('I;'):
    return image
  values = np.asarray(image)
  # Pillow has 16 bits of these two in 32.
  if image.mode == 'I' and file.format not in ('PNG', 'PPM'):
    raise ValueError(
      'its integers have a range that is not known: save it with 8 bits, or '
      'with 16 without a sign'
    )
  if file.format == 'TIFF':
    _check_levels(file.tag_v2)
  levels = np.rint(values / 257)
  # PNG may name one level that is transparent.
  if isinstance(key := file.info.get('transparency'), int):
    levels[values == key] = 0
  return Image.fromarray(levels.astype(np.uint8))


def _from_floats(values):
  # A NaN fails as well.
  if not ((values >= 0) & (values <= 1)).all():
    raise ValueError(
      f'its floats are not all in 0..1 (from {values.min():g} to '
      f'{values.max():g}): scale them, or save it with 8 bits'
    )
  return Image.fromarray(np.rint(255 * values).astype(np.uint8))


def _check_levels(tags):
  bits = tags.get(_BITS_PER_SAMPLE)
  photometric = tags.get(_PHOTOMETRIC)
  if bits != (16,) or photometric != _BLACK_IS_ZERO:
    raise ValueError(
      f'its grey levels have {bits} bits and photometric code {photometric}: '
      'of this kind only 16 bits with black as 0 are read'
    )


def _opaque(image):
  """The image in RGB, laid over black."""
  if not image.has_transparency_data:
    return image.convert('RGB')
  image = image.convert('RGBA')
  black = Image.new('RGBA', image.size, (0, 0, 0, 255))
  return Image.alpha_composite(black, image).convert('RGB')
