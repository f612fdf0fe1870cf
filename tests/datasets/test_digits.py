import numpy as np
import pytest
from sklearn.datasets import load_digits

from vqvae_tf.datasets import digits


@pytest.mark.parametrize(
  'split, count', [('train', 1439), ('validation', 179), ('test', 179)]
)
def test_counts_shapes_and_types(split, count):
  images, labels = digits.read(split)
  assert images.shape == (count, 8, 8, 1) and images.dtype == np.uint8
  assert labels.shape == (count,) and labels.dtype == np.int32
  assert images.min() == 0 and images.max() == 255
  assert set(labels) == set(range(10))


def test_first_test_example_is_number_nine():
  images, labels = digits.read('test')
  published = load_digits()
  expected = [[round(v * 255 / 16) for v in row] for row in published.images[9]]
  assert images[0, :, :, 0].tolist() == expected
  assert labels[0] == published.target[9]
