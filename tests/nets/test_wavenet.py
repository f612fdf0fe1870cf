import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import nets


@pytest.mark.parametrize(
  'layers, cycle, window', [(1, 10, 2), (3, 10, 8), (3, 2, 5), (2, 1, 3)]
)
def test_window_by_hand(layers, cycle, window):
  """1 + d, d = 1 2 4, or 1 2 1, or 1 1, cells before."""
  tf.random.set_seed(0)
  network = nets.WaveNet(1, 2, 8, layers, cycle)
  inputs = tf.random.stateless_normal([1, 1, 12, 1, 2], [1, 2])
  known = tf.zeros([1, 1, 12, 1])
  before = network(inputs, known)[0, 0, -1].numpy()
  seen = []
  for j in range(12):
    change = np.zeros(inputs.shape, np.float32)
    change[0, 0, j] = 1.0
    after = network(inputs + change, known)[0, 0, -1]
    seen.append(bool(np.any(after != before)))
  assert seen == [False] * (11 - window) + [True] * window + [False]
