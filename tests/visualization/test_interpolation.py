import numpy as np
import pytest

from vqvae_tf.datasets.source import Arrays, ArraySource
from vqvae_tf.visualization import interpolation
from vqvae_tf.visualization.material import Inapplicable

# Two codebooks for the halves of a vector: beside codes 0 of the other.
_PARTS = [
  np.array([[1.0, 5], [2, 5], [4, 5]]),
  np.array([[1.0, 5], [1, 7]]),
]
# Two that are added: 0 or 10, and 0, 1 or -1.
_STAGES = [np.array([[0.0], [10]]), np.array([[0.0], [1], [-1]])]


def test_the_nearest_vectors_of_parts():
  vectors = np.array([[3.2, 5.9], [0, 9], [2.9, 6.1]])
  codes = interpolation.requantized(vectors, np.zeros([3, 2], int), _PARTS)
  assert codes.tolist() == [[2, 0], [0, 1], [1, 1]]


def test_the_nearest_sums():
  vectors = np.array([[0.4], [9.3], [11.2], [-3]])
  codes = interpolation.requantized(vectors, np.zeros([4, 2], int), _STAGES)
  assert codes.tolist() == [[0, 0], [1, 2], [1, 1], [0, 2]]


def test_codes_stay_where_none_is_better():
  tables = [np.array([[0.0], [2], [2]])]
  codes = np.array([[2], [1], [0]])
  found = interpolation.requantized(np.array([[2.0], [2], [1]]), codes, tables)
  np.testing.assert_array_equal(found, codes)


def test_from_end_to_end_through_vectors():
  ends = np.array([[[[0]]], [[[4]]]])
  table = np.arange(5.0)[:, np.newaxis]
  vectors = table[ends[..., 0]]
  codes = interpolation.through_vectors(ends, vectors, [table], 5)
  assert codes.shape == (5, 1, 1, 1)
  assert codes.ravel().tolist() == [0, 1, 2, 3, 4]


def test_from_end_to_end_by_swapping():
  ends = np.stack([np.zeros([2, 3, 2], int), np.ones([2, 3, 2], int)])
  rng = np.random.default_rng(0)
  codes = interpolation.by_swapping(ends, 7, rng)
  # A position has all its codes from one of the images.
  np.testing.assert_array_equal(codes[..., 0], codes[..., 1])
  assert codes[..., 0].sum((1, 2)).tolist() == [0, 1, 2, 3, 4, 5, 6]
  assert np.all(np.diff(codes, axis=0) >= 0)


@pytest.mark.parametrize('width, own', [(4, 2), (5, 2)])
def test_halves(width, own):
  left = np.arange(2).reshape(2, 1, 1, 1) + np.zeros([2, 3, width, 2], int)
  right = left + 10
  mixed = interpolation.halves(left, right[[1, 0, 1]])
  assert mixed.shape == (2, 3, 3, width, 2)
  for i in range(2):
    for j, other in enumerate((11, 10, 11)):
      assert np.all(mixed[i, j, :, :own] == i)
      assert np.all(mixed[i, j, :, own:] == other)


def test_one_image_has_no_other(make, tmp_path):
  arrays = Arrays(np.zeros([1, 4, 6, 1], np.uint8), np.zeros(1, np.int32))
  material = make(data=ArraySource('one', 'test', arrays))
  for draw in (interpolation.draw, interpolation.draw_mixing):
    with pytest.raises(Inapplicable, match='^the split has but one image'):
      draw(material, tmp_path)
