"""Scikit-learn's handwritten digits: 1,797 grey images of 8x8 pixels."""

import numpy as np

from vqvae_tf.datasets import splits
from vqvae_tf.datasets.source import Arrays

CLASS_NAMES = tuple('0123456789')


def read(split: str) -> Arrays:
  """Reads a split; the images come with scikit-learn, no download.

  The published levels v in 0..16 become round(255 v / 16).

  Args:
    split: 'train', 'validation' or 'test'.

  Returns:
    Images uint8 [n, 8, 8, 1] and labels int32 [n].

  References:
    E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI
    Machine Learning Repository, 1998.
  """
  # Loaded here, because no other data set has a use for scikit-learn.
  from sklearn.datasets import load_digits

  digits = load_digits()
  chosen = splits.tenths(len(digits.images), split)
  levels = np.rint(digits.images[chosen, :, :, None] * (255 / 16))
  return Arrays(levels.astype(np.uint8), digits.target[chosen].astype(np.int32))
