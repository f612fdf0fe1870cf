"""The window that two stacks see is the one that is promised."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import nets

SIZE, CELL = (5, 9), (4, 4)


@pytest.mark.parametrize('kind', [nets.PixelCNN, nets.GatedPixelCNN])
def test_window_of_one_layer(kind):
  tf.random.set_seed(0)
  network = kind(1, 2, 8, 1)
  inputs = tf.random.stateless_normal([1, *SIZE, 1, 2], [1, 2])
  known = tf.zeros([1, *SIZE, 1])
  before = network(inputs, known).numpy()[(0, *CELL)]
  seen = np.zeros(SIZE, bool)
  for i, j in itertools.product(*map(range, SIZE)):
    change = np.zeros(inputs.shape, np.float32)
    change[0, i, j] = 1.0
    after = network(inputs + change, known).numpy()[(0, *CELL)]
    seen[i, j] = np.any(after != before)
  # Three rows above, four cells to the left, none of them left out.
  expected = ['.........', '.#######.', '.#######.', '.#######.', '####.....']
  assert [''.join(row) for row in np.where(seen, '#', '.')] == expected
