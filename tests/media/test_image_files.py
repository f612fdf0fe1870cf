import bz2
import io
import sys

import numpy as np
import pytest
from PIL import Image

from vqvae_tf.media import image_files


def _random(shape, high=256):
  return np.random.default_rng(0).integers(0, high, shape, np.uint8)


def _pixels(file):
  return np.asarray(Image.open(io.BytesIO(file)))


@pytest.mark.parametrize('channels', [1, 3])
def test_files_hold_the_pixels(channels):
  image = _random([5, 7, channels])
  mode = {1: 'L', 3: 'RGB'}[channels]
  png = image_files.png(image)
  assert Image.open(io.BytesIO(png)).mode == mode
  np.testing.assert_array_equal(_pixels(png).reshape(image.shape), image)
  # WebP knows no grey levels: it holds three equal channels.
  wanted = np.broadcast_to(image, [5, 7, 3])
  np.testing.assert_array_equal(_pixels(image_files.webp(image)), wanted)


@pytest.fixture
def without_jpeg_xl(monkeypatch):
  """Nothing of the extra `codecs` can be imported."""
  monkeypatch.setitem(sys.modules, 'imagecodecs', None)


@pytest.mark.parametrize('channels', [1, 3])
def test_jpeg_xl_files_hold_the_pixels(channels):
  imagecodecs = pytest.importorskip('imagecodecs')
  image = _random([5, 7, channels])
  file = image_files.jpeg_xl(image)
  # A bare codestream.
  assert file[:2] == b'\xff\x0a'
  pixels = imagecodecs.jpegxl_decode(file)
  assert pixels.shape == ((5, 7) if channels == 1 else (5, 7, 3))
  np.testing.assert_array_equal(pixels.reshape(image.shape), image)


def test_jpeg_xl_is_among_the_sizes_where_it_can_be_made():
  pytest.importorskip('imagecodecs')
  images = _random([3, 4, 4, 3])
  sizes = image_files.bits_per_dim([images])
  assert list(sizes) == ['png', 'webp', 'jpeg_xl', 'bz2']
  files = map(image_files.jpeg_xl, images)
  assert sizes['jpeg_xl'] == 8 * sum(map(len, files)) / images.size


def test_where_it_cannot(without_jpeg_xl):
  assert not image_files.has_jpeg_xl()
  sizes = image_files.bits_per_dim([_random([3, 4, 4, 3])])
  assert list(sizes) == ['png', 'webp', 'bz2']
  with pytest.raises(ImportError, match='imagecodecs'):
    image_files.jpeg_xl(_random([4, 4, 3]))


def test_files_of_1_bit_hold_the_pixels():
  image = _random([5, 7, 1], 2) > 0
  png = image_files.png(image)
  # Bit depth and colour type, after signature, chunk head and size.
  assert (png[24], png[25]) == (1, 0)
  np.testing.assert_array_equal(_pixels(png), image[..., 0])


def test_sizes_by_hand(without_jpeg_xl):
  images = np.zeros([3, 4, 4, 3], np.uint8)
  images[1, :2] = [10, 20, 30]
  images[2] = _random([4, 4, 3])
  pictures = [Image.fromarray(image) for image in images]

  def size(**options):
    buffers = [io.BytesIO() for _ in pictures]
    for picture, buffer in zip(pictures, buffers, strict=True):
      picture.save(buffer, **options)
    return sum(len(buffer.getvalue()) for buffer in buffers)

  num_dims = 3 * 4 * 4 * 3
  expected = {
    'png': size(format='PNG', optimize=True) * 8 / num_dims,
    'webp': size(format='WEBP', lossless=True, quality=100, method=2)
    * 8
    / num_dims,
    'bz2': len(bz2.compress(images.tobytes(), 9)) * 8 / num_dims,
  }
  assert image_files.bits_per_dim([images]) == expected
  # Batches play no part.
  assert image_files.bits_per_dim(iter([images[:1], images[1:]])) == expected


def test_binary_images_also_count_as_bits(without_jpeg_xl):
  images = 255 * _random([9, 5, 7, 1], 2)
  sizes = image_files.bits_per_dim([images[:4], images[4:]])
  others = {'jpeg_xl', 'vqz'}
  assert set(sizes) == set(image_files.DESCRIPTIONS) - others
  num_dims = 9 * 5 * 7
  files = [image_files.png(image > 0) for image in images]
  assert sizes['png_1_bit'] == sum(map(len, files)) * 8 / num_dims
  # 35 bits take 5 bytes.
  packed = np.packbits(images.reshape(9, 35) > 0, axis=1)
  assert packed.shape == (9, 5)
  assert sizes['bz2_1_bit'] == len(bz2.compress(packed)) * 8 / num_dims
  assert sizes['png_1_bit'] < sizes['png']


@pytest.mark.parametrize(
  'images',
  [
    np.zeros([2, 4, 4, 3], np.uint8),
    np.array([0, 255, 255, 254], np.uint8).reshape(2, 1, 2, 1),
  ],
)
def test_other_images_do_not(images, without_jpeg_xl):
  # The first batch alone would pass for binary.
  sizes = image_files.bits_per_dim([images[:1], images[1:]])
  assert set(sizes) == {'png', 'webp', 'bz2'}


@pytest.mark.parametrize(
  'batches, match',
  [
    ([], 'there is no image'),
    ([np.zeros([0, 4, 4, 1], np.uint8)], 'there is no image'),
    ([np.zeros([1, 4, 4, 2], np.uint8)], '1 or 3 channels, not 2'),
    ([np.zeros([1, 4, 4, 1], np.float32)], 'must be uint8'),
    ([np.zeros([4, 4, 1], np.uint8)], r'must be \[B, H, W, C\]'),
  ],
)
def test_what_makes_no_files(batches, match):
  with pytest.raises(ValueError, match=match):
    image_files.bits_per_dim(batches)
