"""Which examples belong to which split, by names or by fixed indices."""

import hashlib
import os

import numpy as np

# At most so many examples of the training data are for validation.
HELD_OUT = 5_000


def by_name(name: str) -> str:
  """The split of a file, by its name alone: others never move it.

  The first 8 bytes of SHA-256(name), big-endian, are a number h. Digit
  floor(10 h / 2^64) 8 is validation, 9 is test, the others are train.

  Args:
    name: relative to the data, with '/' between folders.

  Returns:
    'train', 'validation' or 'test'.
  """
  digest = hashlib.sha256(os.fsencode(name)).digest()
  digit = 10 * int.from_bytes(digest[:8], 'big') >> 64
  return {8: 'validation', 9: 'test'}.get(digit, 'train')


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
  return min(HELD_OUT, num_examples // 10)


def training_range(num_examples: int, split: str) -> slice:
  """Where 'train' or 'validation' lies in the published training data."""
  boundary = num_examples - num_held_out(num_examples)
  if split == 'train':
    return slice(0, boundary)
  return slice(boundary, num_examples)
