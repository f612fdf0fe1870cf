"""Bits/dim of ordinary files: what a model's bits/dim stands beside."""

import bz2
import collections
import io
import math
from collections.abc import Iterable, Sequence
from concurrent import futures
from pathlib import Path

import numpy as np
from PIL import Image

from vqvae_tf.errors import UserError
from vqvae_tf.media import decoding, images

DESCRIPTIONS = {
  'png': 'PNG, a file each',
  'webp': 'lossless WebP, a file each',
  'jpeg_xl': 'lossless JPEG XL, a file each',
  'bz2': 'bz2, all in one file',
  'png_1_bit': '1-bit PNG, a file each',
  'bz2_1_bit': '1-bit bz2, all in one file',
  'vqz': 'of this model, all in one file',
}

# By the number of channels.
_JPEG_XL_EFFORTS = {1: 10, 3: 8}


def can_hold(shape: Sequence[int]) -> bool:
  """Returns whether files hold examples of a shape: images in grey or RGB."""
  return images.are_images(shape) and shape[-1] in (1, 3)


def find(paths: Iterable[Path]) -> list[Path]:
  """Returns image files, and those in folders, in the order of their names.

  Args:
    paths: files of any name, and folders.

  Raises:
    UserError: if one is missing, or a folder has no image.
  """
  found = []
  for path in paths:
    if not path.exists():
      raise UserError(f'{path} is missing: name an image or a folder of them')
    if not path.is_dir():
      found.append(path)
      continue
    within = sorted(
      file
      for file in path.rglob('*')
      if file.suffix.lower() in decoding.EXTENSIONS and file.is_file()
    )
    if not within:
      raise UserError(
        f'{path} has no image in it: none that ends with one of '
        f'{", ".join(decoding.EXTENSIONS)}'
      )
    found += within
  return found


def png(image: np.ndarray) -> bytes:
  """Returns an image as a PNG file, as small as Pillow makes it.

  Args:
    image: uint8 `[H, W, C]` with C = 1 (a file in grey levels) or 3; or bool
      `[H, W, 1]` for a file of 1 bit per pixel.
  """
  return _file(image, format='PNG', optimize=True)


def webp(image: np.ndarray) -> bytes:
  """Returns an image as a lossless WebP file.

  Method 2 of 0..6: on CIFAR-10 the slower ones made larger files, the slowest
  by 3 %; on grey images that one saves 1 or 2 %, in 30 times the time.

  Args:
    image: uint8 `[H, W, C]` with C = 1 or 3.
  """
  return _file(image, format='WEBP', lossless=True, quality=100, method=2)


def has_jpeg_xl() -> bool:
  """Returns whether the extra `codecs` is installed, whose encoder is used."""
  try:
    import imagecodecs
  except ImportError:
    return False
  return bool(imagecodecs.JPEGXL.available)


def jpeg_xl(image: np.ndarray) -> bytes:
  """Returns an image as a lossless JPEG XL file, by the reference library.

  The efforts, of 1..10, made the smallest files: of the test images of CIFAR-10
  8 makes 4.080 bits/dim and 7 makes 4.088, of MNIST's 10 makes 1.945 and 5, 7
  and 9 make 2.13 to 2.17. They take 9 and 11 ms per image.

  Args:
    image: uint8 `[H, W, C]` with C = 1 (a file in grey levels) or 3.

  Raises:
    ImportError: without imagecodecs, which the extra `codecs` brings.
  """
  import imagecodecs

  channels = image.shape[-1]
  return imagecodecs.jpegxl_encode(
    image[..., 0] if channels == 1 else image,
    lossless=True,
    effort=_JPEG_XL_EFFORTS[channels],
    # Files are small, and made beside each other.
    numthreads=1,
  )


def _file(image, **options):
  channels = image.shape[-1]
  buffer = io.BytesIO()
  picture = Image.fromarray(image[..., 0] if channels == 1 else image)
  picture.save(buffer, **options)
  return buffer.getvalue()


def bits_per_dim(batches: Iterable[np.ndarray]) -> dict[str, float]:
  """Measures the files that images make, in bits per pixel and channel.

  bits_per_dim = 8 (bytes of all files, headers included) / (N H W C)

  Args:
    batches: of images uint8 `[B, H, W, C]`, C = 1 or 3.

  Returns:
    Bits/dim by name, as `DESCRIPTIONS` has them: 'png', 'webp' and, if
    `has_jpeg_xl`, 'jpeg_xl' (lossless) with one file per image; 'bz2' with one
    stream (level 9) over the bytes of all images. For images of one channel
    that are 0 or 255 everywhere also 'png_1_bit' and 'bz2_1_bit', with 1 bit
    per pixel to start from (for bz2 each image fills whole bytes).

  Raises:
    ValueError: if there is no image, or they are no uint8 `[B, H, W, 1 or 3]`.
  """
  num_bytes = collections.Counter()
  streams = {name: bz2.BZ2Compressor(9) for name in ('bz2', 'bz2_1_bit')}
  num_dims, is_binary = 0, True
  # The libraries let other threads run while they compress.
  with futures.ThreadPoolExecutor() as pool:

    def add_files(name, encode, batch):
      num_bytes[name] += sum(map(len, pool.map(encode, batch)))

    def add_stream(name, array):
      num_bytes[name] += len(streams[name].compress(array.tobytes()))

    for batch in batches:
      _check(batch)
      num_dims += batch.size
      for name, encode in _encoders().items():
        add_files(name, encode, batch)
      add_stream('bz2', batch)
      is_binary = is_binary and _is_binary(batch)
      if is_binary:
        bits = batch > 0
        add_files('png_1_bit', png, bits)
        add_stream('bz2_1_bit', _packed(bits))
  if not num_dims:
    raise ValueError('there is no image to make files of')
  for name, stream in streams.items():
    num_bytes[name] += len(stream.flush())
  return {
    name: 8 * number / num_dims
    for name, number in num_bytes.items()
    if is_binary or not name.endswith('_1_bit')
  }


def _encoders():
  encoders = {'png': png, 'webp': webp}
  return encoders | {'jpeg_xl': jpeg_xl} if has_jpeg_xl() else encoders


def _check(batch):
  images.check_images(batch)
  if not can_hold(batch.shape[1:]):
    raise ValueError(
      f'files hold images of 1 or 3 channels, not {batch.shape[-1]}'
    )


def _packed(bits):
  rows = bits.reshape(len(bits), math.prod(bits.shape[1:]))
  return np.packbits(rows, axis=1)


def _is_binary(batch):
  return batch.shape[-1] == 1 and bool(np.isin(batch, (0, 255)).all())
