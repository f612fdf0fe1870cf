import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from vqvae_tf.media import decoding

# All levels of 16 bits, in 256 rows.
RAMP = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
SCALED = np.rint(RAMP / 257)[..., np.newaxis]


def _pgm(values, most):
  return f'P5 256 256 {most}\n'.encode() + values.astype('>u2').tobytes()


def _saved(path, values, **options):
  Image.fromarray(values).save(path, **options)
  return path


def _png(width, height, kind, rows=b''):
  """A PNG file of 16 bits per number; `kind` 0: grey, 2: RGB."""

  def chunk(name, data):
    check = struct.pack('>I', zlib.crc32(name + data))
    return struct.pack('>I', len(data)) + name + data + check

  head = struct.pack('>2I5B', width, height, 16, kind, 0, 0, 0)
  data = chunk(b'IDAT', zlib.compress(rows))
  start = b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head)
  return start, data + chunk(b'IEND', b''), chunk


def test_grey_of_16_bits_by_hand():
  assert SCALED.ravel()[[0, 128, 129, 256, 65535]].tolist() == [0, 0, 1, 1, 255]
  assert SCALED.mean() == 127.5


@pytest.mark.parametrize('name', ['a.png', 'a.tif', 'big_endian.TIFF'])
def test_grey_of_16_bits(tmp_path, name):
  values = RAMP.astype('>u2') if 'big' in name else RAMP
  pixels = decoding.decode(_saved(tmp_path / name, values))
  assert pixels.shape == (256, 256, 3) and pixels.dtype == np.uint8
  np.testing.assert_array_equal(pixels, np.broadcast_to(SCALED, pixels.shape))


def test_grey_of_16_bits_in_pgm(tmp_path):
  (tmp_path / 'a.pgm').write_bytes(_pgm(RAMP, 65535))
  pixels = decoding.decode(tmp_path / 'a.pgm')
  np.testing.assert_array_equal(pixels[..., :1], SCALED)
  # 10 bits: the largest level is white.
  (tmp_path / 'b.pgm').write_bytes(_pgm(RAMP // 64, 1023))
  pixels = decoding.decode(tmp_path / 'b.pgm')
  np.testing.assert_array_equal(
    pixels[..., 0], np.rint(RAMP // 64 / 1023 * 255)
  )


def test_colours_of_16_bits(tmp_path):
  rows = b''.join(b'\0' + row.astype('>u2').repeat(3).tobytes() for row in RAMP)
  start, end, _ = _png(256, 256, 2, rows)
  (tmp_path / 'a.png').write_bytes(start + end)
  pixels = decoding.decode(tmp_path / 'a.png')
  # The high byte, which is never more than a level off.
  np.testing.assert_array_equal(pixels[..., 1], RAMP >> 8)
  assert np.abs(pixels - SCALED).max() == 1


def test_floats_of_0_to_1(tmp_path):
  values = (RAMP / 65535).astype(np.float32)
  pixels = decoding.decode(_saved(tmp_path / 'a.tif', values))
  np.testing.assert_array_equal(pixels[..., 2], np.rint(255 * values))


@pytest.mark.parametrize(
  'values, match',
  [
    (np.float32([[0, 1.5]]), r'floats are not all in 0..1 \(from 0 to 1.5\)'),
    (np.float32([[-0.1, 1]]), r'not all in 0..1 \(from -0.1 to 1\)'),
    (np.float32([[0, np.nan]]), 'floats are not all in 0..1'),
    (np.int32([[0, 255]]), 'its integers have a range that is not known'),
  ],
)
def test_numbers_of_no_known_range_are_refused(tmp_path, values, match):
  path = _saved(tmp_path / 'a.tif', values)
  with pytest.raises(
    ValueError, match=f'cannot read the image {path}: .*{match}'
  ):
    decoding.decode(path)


def test_white_as_0_is_refused_where_it_would_turn_black(tmp_path):
  tags = TiffImagePlugin.ImageFileDirectory_v2()
  tags[262] = 0
  _saved(tmp_path / 'a.tif', RAMP, tiffinfo=tags)
  data = bytearray((tmp_path / 'a.tif').read_bytes())
  entry = data.index(struct.pack('<2H', 262, 3))
  data[entry + 8] = 0
  (tmp_path / 'a.tif').write_bytes(data)
  with pytest.raises(ValueError, match='16 bits with black as 0 are read'):
    decoding.decode(tmp_path / 'a.tif')


# Alpha 1 and 128 of 255 leave 1 and 128 of red 255.
@pytest.mark.parametrize('extension', ['.png', '.tif', '.webp'])
def test_what_is_transparent_lies_over_black(tmp_path, extension):
  values = np.full([1, 4, 4], [255, 100, 0, 0], np.uint8)
  values[0, :, 3] = [0, 1, 128, 255]
  path = tmp_path / f'a{extension}'
  Image.fromarray(values).save(
    path, **({'lossless': True, 'exact': True} if 'webp' in extension else {})
  )
  expected = [[0, 0, 0], [1, 0, 0], [128, 50, 0], [255, 100, 0]]
  assert decoding.decode(path)[0].tolist() == expected


def test_grey_with_alpha(tmp_path):
  path = _saved(tmp_path / 'a.png', np.uint8([[[200, 0], [200, 255]]]))
  assert decoding.decode(path)[0].tolist() == [[0] * 3, [200] * 3]


@pytest.mark.parametrize('name', ['a.png', 'a.gif'])
def test_a_transparent_place_in_a_palette(tmp_path, name):
  image = Image.new('P', (2, 1))
  image.putpalette([255, 0, 0, 0, 0, 255])
  image.putpixel((1, 0), 1)
  image.save(tmp_path / name, transparency=0)
  assert decoding.decode(tmp_path / name)[0].tolist() == [[0] * 3, [0, 0, 255]]


def test_a_transparent_level_of_16_bits(tmp_path):
  row = b'\0' + np.array([514, 515], '>u2').tobytes()
  start, end, chunk = _png(2, 1, 0, row)
  key = chunk(b'tRNS', struct.pack('>H', 514))
  (tmp_path / 'a.png').write_bytes(start + key + end)
  assert decoding.decode(tmp_path / 'a.png')[0, :, 0].tolist() == [0, 2]


def test_a_transparent_colour_of_16_bits(tmp_path):
  row = b'\0' + np.array([[514, 0, 0], [257, 0, 0]], '>u2').tobytes()
  start, end, chunk = _png(2, 1, 2, row)
  key = chunk(b'tRNS', struct.pack('>3H', 514, 0, 0))
  (tmp_path / 'a.png').write_bytes(start + key + end)
  assert decoding.decode(tmp_path / 'a.png')[0, :, 0].tolist() == [0, 1]


def test_the_content_counts_and_not_the_name(tmp_path):
  _saved(tmp_path / 'a.jpg', np.uint8([[7]]), format='PNG')
  assert decoding.decode(tmp_path / 'a.jpg').tolist() == [[[7] * 3]]


@pytest.mark.parametrize('kind', ['EPS', 'PDF', 'ICO', 'TGA', 'PCX'])
def test_other_formats_are_not_opened(tmp_path, kind):
  data = io.BytesIO()
  Image.new('RGB', (16, 16)).save(data, kind)
  (tmp_path / 'a.png').write_bytes(data.getvalue())
  with pytest.raises(ValueError, match='cannot identify image file'):
    decoding.decode(tmp_path / 'a.png')


def test_a_huge_image_of_some_bytes_is_refused(tmp_path):
  start, end, _ = _png(8192, 8193, 0)
  (tmp_path / 'a.png').write_bytes(start + end)
  message = r'a.png: it has 8192x8193 pixels, the limit is 67108864$'
  with pytest.raises(ValueError, match=message):
    decoding.decode(tmp_path / 'a.png')


@pytest.mark.filterwarnings('ignore:Image size')
def test_so_is_one_of_169_megapixels(tmp_path):
  start, end, _ = _png(13_000, 13_000, 0)
  (tmp_path / 'a.png').write_bytes(start + end)
  with pytest.raises(ValueError, match='13000x13000 pixels, the limit is'):
    decoding.decode(tmp_path / 'a.png')


def test_pipes_devices_and_folders_are_not_opened(tmp_path):
  os.mkfifo(tmp_path / 'pipe.png')
  for path in (tmp_path / 'pipe.png', '/dev/zero', tmp_path):
    with pytest.raises(ValueError, match=f'{path}: it is no regular file'):
      decoding.decode(path)


def test_a_missing_file_says_so(tmp_path):
  with pytest.raises(ValueError, match='none.png: .*No such file'):
    decoding.decode(tmp_path / 'none.png')
