"""The straight-through estimator and the check of codes."""

import pytest
import tensorflow as tf

from vqvae_tf.codes import checked_codes
from vqvae_tf.quantizers import quantizer


def test_straight_through_has_the_quantized_value_to_the_bit():
  # 1e8 + (1 - 1e8) is 0 in float32; the value must still be 1.
  inputs = tf.constant([[1e8, 0.1]])
  quantized = tf.constant([[1.0, 0.3]])
  assert (
    quantizer.straight_through(inputs, quantized).numpy() == quantized.numpy()
  ).all()


def test_straight_through_gradient_is_the_identity():
  inputs, quantized = tf.constant([[1.0, 2.0]]), tf.constant([[5.0, 7.0]])
  with tf.GradientTape() as tape:
    tape.watch([inputs, quantized])
    output = quantizer.straight_through(inputs, quantized)
    value = tf.reduce_sum(output * [3.0, 4.0])
  to_inputs, to_quantized = tape.gradient(value, [inputs, quantized])
  assert to_inputs.numpy().tolist() == [[3.0, 4.0]]
  assert to_quantized is None


def test_straight_through_keeps_the_inputs_dtype():
  output = quantizer.straight_through(
    tf.zeros([2], tf.bfloat16), tf.ones([2], tf.float32)
  )
  assert output.dtype == tf.bfloat16


def test_codes_in_range_pass_as_int32():
  codes = checked_codes(tf.constant([[0, 3], [2, 0]], tf.uint8), (3, 4))
  assert codes.dtype == tf.int32
  assert codes.numpy().tolist() == [[0, 3], [2, 0]]


@pytest.mark.parametrize('codes', [[[3, 0]], [[0, 4]], [[-1, 0]]])
@pytest.mark.parametrize('graph', [False, True])
def test_codes_out_of_range_are_refused(codes, graph):
  def check(codes):
    # The lookup would fail as well; the check must speak first.
    return tf.gather(tf.zeros([4]), checked_codes(codes, (3, 4)))

  function = tf.function(check) if graph else check
  with pytest.raises(
    tf.errors.InvalidArgumentError, match=r'must be in 0\.\.2, 0\.\.3'
  ):
    function(tf.constant(codes))


def test_range_check_sees_codes_beyond_int32():
  with pytest.raises(tf.errors.InvalidArgumentError, match='out of range'):
    checked_codes(tf.constant([[2**32]], tf.int64), (3,))


def test_wrong_codes_are_refused():
  with pytest.raises(ValueError, match='integers, not float32'):
    checked_codes(tf.zeros([2, 1]), (3,))
  with pytest.raises(ValueError, match='must end in 2, the number of'):
    checked_codes(tf.zeros([2, 1], tf.int32), (3, 3))
