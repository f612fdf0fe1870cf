"""Images of any size as tiles."""

import numpy as np
import pytest

from vqvae_tf.codec import tiles


@pytest.mark.parametrize('size', [(4, 6), (1, 1), (5, 6), (9, 13), (3, 20)])
def test_joined_as_before(size):
  image = np.random.default_rng(0).integers(0, 256, [*size, 3]).astype(np.uint8)
  found = tiles.cut(image, (4, 6))
  assert found.shape == (np.prod(tiles.counts(size, (4, 6))), 4, 6, 3)
  np.testing.assert_array_equal(tiles.join(found, size), image)


def test_in_raster_order_with_edges_repeated():
  image = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
  found = tiles.cut(image, (1, 2))
  assert found[..., 0].tolist() == [[[0, 1]], [[2, 2]], [[3, 4]], [[5, 5]]]
