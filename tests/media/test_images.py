import numpy as np
import pytest

from vqvae_tf.errors import UserError
from vqvae_tf.media import images


def test_images_pass():
  images.check_images(np.zeros([2, 3, 4, 1], np.uint8))
  images.check_shape((3, 4, 1), 'this', 'go')


def test_another_dtype_is_named():
  with pytest.raises(ValueError, match='must be uint8 .* not float32'):
    images.check_images(np.zeros([2, 3, 4, 1], np.float32))


def test_another_rank_is_named():
  with pytest.raises(ValueError, match=r'\[B, H, W, C\], not .* \(3, 4, 1\)'):
    images.check_images(np.zeros([3, 4, 1], np.uint8))


@pytest.mark.parametrize('shape', [(4, 1), (2, 3, 4, 1)])
def test_what_needs_images_names_the_way_out(shape):
  with pytest.raises(UserError) as error:
    images.check_shape(shape, '--flip', 'leave it out')
  assert str(error.value) == (
    f'--flip is for images [H, W, C], not for examples {shape}: leave it out'
  )


def test_tile_by_hand():
  batch = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1)
  batch = np.tile(batch, [1, 1, 2, 1])
  picture = images.tile(batch, columns=2)
  assert picture.dtype == np.uint8
  np.testing.assert_array_equal(
    picture[..., 0],
    [
      [0, 0, 255, 1, 1],
      [255, 255, 255, 255, 255],
      [2, 2, 255, 255, 255],
    ],
  )


def test_tile_without_gap_keeps_colours():
  batch = np.random.default_rng(0).integers(0, 256, [4, 2, 3, 3], np.uint8)
  picture = images.tile(batch, columns=2, gap=0)
  assert picture.shape == (4, 6, 3)
  np.testing.assert_array_equal(picture[:2, 3:], batch[1])
  np.testing.assert_array_equal(picture[2:, :3], batch[2])


def test_tile_of_fewer_images_than_columns():
  batch = np.zeros([1, 2, 2, 1], np.uint8)
  assert images.tile(batch, columns=3).shape == (2, 8, 1)


def test_tile_refuses_floats():
  with pytest.raises(ValueError, match='not float64'):
    images.tile(np.zeros([1, 2, 2, 1]), columns=1)


def test_error_maps():
  originals = np.zeros([1, 1, 3, 2], np.uint8)
  others = np.array([[[[0, 0], [3, 6], [200, 0]]]], np.uint8)
  maps = images.error_maps(originals, others)
  # 4 times the mean of the channels below white, and black from 64 on.
  assert maps.dtype == np.uint8 and maps.tolist() == [[[[255], [237], [0]]]]


def test_code_maps_by_hand():
  codes = np.array([[[[0], [1], [2]]]], np.int32)
  maps = images.code_maps(codes, 3)
  assert maps.dtype == np.uint8
  # 255 / 2 = 127.5 rounds to the even neighbour.
  np.testing.assert_array_equal(maps[0, 0, :, 0], [0, 128, 255])


def test_the_only_code_is_black():
  assert images.code_maps(np.zeros([1, 2, 2, 1], np.int32), 1).max() == 0
