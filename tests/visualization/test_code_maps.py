import numpy as np

from vqvae_tf.visualization import code_maps

_IMAGES = np.zeros([2, 8, 6, 1], np.uint8)


def test_one_codebook():
  codes = np.arange(24).reshape(2, 4, 3, 1) % 16
  images, maps = code_maps.strips(_IMAGES, codes, [16])
  assert images.batch is _IMAGES
  assert images.title == 'images, and their codes on 4 x 3 positions'
  np.testing.assert_array_equal(maps.batch, codes[..., 0])
  assert maps.scale[:2] == (0, 15) and maps.title == 'K = 16'


def test_several_codebooks():
  codes = np.arange(120).reshape(2, 4, 3, 5) % 8
  images, *maps = code_maps.strips(_IMAGES, codes, [8, 9, 10, 11, 12])
  assert 'the first 4 of 5 codebooks' in images.title
  assert [strip.scale.high for strip in maps] == [7, 8, 9, 10]
  assert maps[3].title == 'codebook 3, K = 11'
  np.testing.assert_array_equal(maps[3].batch, codes[..., 3])
