"""Which examples belong to which split, by fixed indices."""

import numpy as np

_HELD_OUT = 5_000


def tenths(num_examples: int, split: str) -> np.ndarray:
  """Indices of a split of a set that was published in one piece.

  Example i belongs to validation if i mod 10 = 8, to test if i mod 10 = 9, and
  to train otherwise.

  Args:
    num_examples: size of the whole set, >= 0.
    split: 'train', 'validation' or 'test'.

  Returns:
    int64 [n], ascending.
  """
  indices = np.arange(num_examples, dtype=np.int64)
  digit = indices % 10
  if split == 'train':
    return indices[digit < 8]
  return indices[digit == {'validation': 8, 'test': 9}[split]]


def num_held_out(num_examples: int) -> int:
  """Number of last training examples that are kept for validation.

  5,000, as far as the training data has the 50,000 examples or more of the
  published sets; a tenth of a smaller one.
  """
  return min(_HELD_OUT, num_examples // 10)


def training_range(num_examples: int, split: str) -> slice:
  """Where 'train' or 'validation' lies in the published training data."""
  boundary = num_examples - num_held_out(num_examples)
  if split == 'train':
    return slice(0, boundary)
  return slice(boundary, num_examples)
