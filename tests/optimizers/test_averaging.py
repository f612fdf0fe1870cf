import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.optimizers.averaging import Averaging

# Roundings of float32.
_ROUNDING = 1e-6


def _assign(parameters, *values):
  for x, value in zip(parameters, values, strict=True):
    x.assign(tf.fill(x.shape, value))


def _values(variables):
  return [variable.numpy().item() for variable in variables]


def test_three_steps_by_hand():
  parameters = [tf.Variable([1.0]), tf.Variable([[-2.0]])]
  averaging = Averaging(0.15, parameters)
  # d is 1 / 10, then 2 / 11 and 3 / 12, which are more than 0.15.
  for values, averages in (
    ((2.0, -1.0), (0.1 * 1 + 0.9 * 2, -0.1 * 2 - 0.9 * 1)),
    ((4.0, 0.0), (0.15 * 1.9 + 0.85 * 4, -0.15 * 1.1)),
    ((8.0, 3.0), (0.15 * 3.685 + 0.85 * 8, -0.15 * 0.165 + 0.85 * 3)),
  ):
    _assign(parameters, *values)
    averaging.update(parameters)
    np.testing.assert_allclose(
      _values(averaging.averages), averages, rtol=_ROUNDING
    )
    assert _values(parameters) == list(values)
  assert averaging.step.numpy() == 3


def test_the_first_weights_are_soon_forgotten():
  parameters = [tf.Variable(1e3)]
  averaging = Averaging(0.999, parameters)
  _assign(parameters, 1.0)
  for _ in range(20):
    averaging.update(parameters)
  # Their part is 20! 9! / 29!; of a constant 0.999 it would be 0.98.
  np.testing.assert_allclose(averaging.averages[0], 1.0, rtol=1e-3)


@pytest.mark.parametrize('value', [5.0, np.inf, np.nan])
def test_a_step_that_is_left_out_changes_nothing(value):
  parameters = [tf.Variable(1.0)]
  averaging = Averaging(0.9, parameters)
  _assign(parameters, 3.0)
  averaging.update(parameters)
  before = _values(averaging.variables)
  _assign(parameters, value)
  averaging.update(parameters, tf.constant(False))
  assert _values(averaging.variables) == before


def test_averages_are_swapped_for_a_while():
  parameters = [tf.Variable(1.0), tf.Variable(2.0)]
  averaging = Averaging(0.9, parameters)
  _assign(parameters, 3.0, 4.0)
  with averaging.swapped(parameters):
    assert _values(parameters) == [1, 2]
  assert _values(parameters) == [3, 4]
  with pytest.raises(RuntimeError, match='in between'):
    with averaging.swapped(parameters):
      assert _values(parameters) == [1, 2]
      raise RuntimeError('in between')
  assert _values(parameters) == [3, 4]
  assert _values(averaging.averages) == [1, 2]
