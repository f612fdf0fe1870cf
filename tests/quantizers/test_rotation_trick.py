"""The rotation trick: the value of the code, the gradient of a rotation."""

import numpy as np
import tensorflow as tf

from vqvae_tf.quantizers import rotation_trick


def gradient(inputs, quantized, cotangent):
  inputs, quantized = tf.constant(inputs), tf.constant(quantized)
  with tf.GradientTape() as tape:
    tape.watch([inputs, quantized])
    value = tf.reduce_sum(rotation_trick(inputs, quantized) * cotangent)
  return tape.gradient(value, [inputs, quantized])


def test_value_is_the_code_to_the_bit():
  inputs = tf.random.stateless_normal([50, 8], [1, 2])
  quantized = tf.random.stateless_normal([50, 8], [3, 4])
  output = rotation_trick(inputs, quantized)
  assert (output.numpy() == quantized.numpy()).all()
  half = rotation_trick(tf.cast(inputs, tf.bfloat16), quantized)
  assert half.dtype == tf.bfloat16


def test_quarter_turn_by_hand():
  # From (1, 0) to (0, 2): a turn by 90 degrees, twice as long. The gradient at
  # the code turns back by as much: J^T (3, 5) = 2 (5, -3).
  to_inputs, to_quantized = gradient([[1.0, 0.0]], [[0.0, 2.0]], [[3.0, 5.0]])
  np.testing.assert_allclose(to_inputs, [[10.0, -6.0]], rtol=1e-6)
  assert to_quantized is None


def test_a_plane_turns_and_the_rest_stays():
  e, q = np.array([[3.0, 0, 0, 0]]), np.array([[0.0, 3, 0, 0]])
  # Directions outside the plane of e and q pass unchanged.
  to_inputs, _ = gradient(e, q, np.array([[0.0, 0, 7, -2]]))
  np.testing.assert_allclose(to_inputs, [[0, 0, 7, -2]], atol=1e-12)


def test_angles_and_lengths_are_those_of_a_scaled_rotation():
  rng = np.random.default_rng(0)
  e, q = rng.normal(size=[20, 5]), rng.normal(size=[20, 5])
  cotangent = rng.normal(size=[20, 5])
  to_inputs = gradient(e, q, cotangent)[0].numpy()
  norm = np.linalg.norm
  scale = norm(q, axis=1) / norm(e, axis=1)
  np.testing.assert_allclose(
    norm(to_inputs, axis=1), scale * norm(cotangent, axis=1)
  )
  # The gradient keeps its angle: to the code before, to the input behind.
  np.testing.assert_allclose(
    (to_inputs * e).sum(1), (cotangent * q).sum(1), rtol=1e-9
  )


def test_zeros_give_no_nan():
  for e, q in (([[0.0, 0.0]], [[1.0, 0.0]]), ([[1.0, 0.0]], [[0.0, 0.0]])):
    to_inputs, _ = gradient(e, q, [[1.0, 1.0]])
    assert to_inputs.numpy().tolist() == [[0.0, 0.0]]


def test_opposite_directions():
  to_inputs, _ = gradient([[1.0, 0.0]], [[-1.0, 0.0]], [[2.0, 3.0]])
  # e turns to -e, what is orthogonal stays.
  assert to_inputs.numpy().tolist() == [[-2.0, 3.0]]
