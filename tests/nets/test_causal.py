"""Causal convolutions: what they see, by hand and step by step."""

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.nets.causal import Above, Left, Pointwise, gated


def grid(height, width, channels=1):
  return tf.random.stateless_normal([2, height, width, channels], [1, 2])


def ones(module, channels=1):
  """The module with a kernel of ones."""
  module(tf.zeros([1, 1, 1, channels]))
  module.w.assign(tf.ones_like(module.w))
  return module


@pytest.mark.parametrize(
  'strict, expected',
  [
    (False, [[3, 6, 5], [12, 21, 16], [24, 39, 28]]),
    (True, [[0, 0, 0], [3, 6, 5], [12, 21, 16]]),
  ],
)
def test_above_by_hand(strict, expected):
  module = ones(Above(1, rows=2, columns=3, strict=strict))
  inputs = tf.reshape(tf.range(1.0, 10.0), [1, 3, 3, 1])
  # Rows 1 2 3, 4 5 6, 7 8 9: sums over this row, the one above, neighbours.
  outputs = module(inputs)[0, ..., 0]
  np.testing.assert_array_equal(outputs, expected)


@pytest.mark.parametrize(
  'strict, expected', [(False, [1, 3, 6, 9]), (True, [0, 1, 3, 6])]
)
def test_left_by_hand(strict, expected):
  module = ones(Left(1, columns=3, strict=strict))
  outputs = module(tf.reshape([1.0, 2.0, 3.0, 4.0], [1, 1, 4, 1]))
  np.testing.assert_array_equal(outputs[0, 0, :, 0], expected)


@pytest.mark.parametrize('strict', [False, True])
def test_above_row_by_row_equals_the_whole(strict):
  tf.random.set_seed(0)
  module, inputs = Above(4, 2, 5, strict), grid(5, 6, 3)
  whole = module(inputs)
  window = module.window(inputs[:, 0])
  for i in range(5):
    if not strict:
      window = module.slide(window, inputs[:, i])
    # Sums of 30 products in another order.
    np.testing.assert_allclose(module.at(window), whole[:, i], atol=1e-5)
    if strict:
      window = module.slide(window, inputs[:, i])


@pytest.mark.parametrize('strict', [False, True])
def test_left_cell_by_cell_equals_the_whole(strict):
  tf.random.set_seed(0)
  module, inputs = Left(4, 3, strict), grid(2, 6, 3)
  whole = module(inputs)
  for i in range(2):
    window = module.window(inputs[:, i, 0])
    for j in range(6):
      if not strict:
        window = module.slide(window, inputs[:, i, j])
      # Sums of 9 products in another order.
      np.testing.assert_allclose(module.at(window), whole[:, i, j], atol=1e-5)
      if strict:
        window = module.slide(window, inputs[:, i, j])


def test_pointwise_is_one_matrix():
  tf.random.set_seed(0)
  module, inputs = Pointwise(4), grid(3, 2, 5)
  module(inputs)
  module.b.assign([1.0, 2.0, 3.0, 4.0])
  np.testing.assert_allclose(
    module(inputs), inputs.numpy() @ module.w.numpy() + [1, 2, 3, 4], rtol=1e-5
  )


def test_gate_by_hand():
  # tanh(ln 2) = 3/5, tanh(0) = 0; sigmoid(0) = 1/2, sigmoid(ln 3) = 3/4.
  inputs = np.log([[2.0, 1.0, 2.0, 1.0, 3.0, 3.0]]).astype(np.float32)
  np.testing.assert_allclose(gated(inputs), [[0.3, 0, 0.45]], rtol=1e-6)
