import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from vqvae_tf.optimizers.adam import Adam, adam_update
from vqvae_tf.optimizers.muon import Muon

RATE = tf.constant(0.1)


def _parameters():
  return [tf.Variable([1.0, -2.0, 3.0]), tf.Variable([[0.5]])]


def _gradients(step):
  generator = np.random.default_rng(step)
  return [
    tf.constant(generator.normal(size=size), tf.float32)
    for size in ((3,), (1, 1))
  ]


def test_two_steps_by_hand():
  [x] = parameters = [tf.Variable([1.0])]
  adam = Adam(parameters)
  adam.apply([tf.constant([2.0])], parameters, RATE)
  # m / (1 - b1) = 2 and v / (1 - b2) = 4: the rate itself is left.
  np.testing.assert_allclose(x, [0.9], rtol=1e-6)
  adam.apply([tf.constant([-1.0])], parameters, RATE)
  # m = 0.9 * 0.2 - 0.1 = 0.08, v = 0.999 * 0.004 + 0.001 = 0.004996.
  update = 0.1 * (0.08 / 0.19) / (0.004996 / 0.001999) ** 0.5
  # Roundings of float32; 1 - 0.999^2 has lost three digits.
  np.testing.assert_allclose(x, [0.9 - update], rtol=1e-4)
  assert adam.step.numpy() == 2


def test_an_update_by_hand():
  """The second of the steps above, without variables."""
  g, m, v = (tf.constant([x]) for x in (-1.0, 0.2, 0.004))
  update, m, v = adam_update(g, m, v, tf.constant(2), RATE)
  np.testing.assert_allclose(m, [0.08], rtol=1e-6)
  # As above, 1 - 0.999 has lost three digits.
  np.testing.assert_allclose(v, [0.004996], rtol=1e-4)
  expected = 0.1 * (0.08 / 0.19) / (0.004996 / 0.001999) ** 0.5
  # As above, 1 - 0.999^2 has lost three digits.
  np.testing.assert_allclose(update, [expected], rtol=1e-4)


def test_equals_sonnets():
  ours, theirs = _parameters(), _parameters()
  adam, reference = Adam(ours), snt.optimizers.Adam(RATE)
  for step in range(5):
    adam.apply(_gradients(step), ours, RATE)
    reference.apply(_gradients(step), theirs)
    for one, other in zip(ours, theirs, strict=True):
      np.testing.assert_array_equal(one, other)


def test_reads_a_checkpoint_of_sonnets(tmp_path):
  parameters = _parameters()
  reference = snt.optimizers.Adam(RATE)
  reference.apply(_gradients(0), parameters)
  path = tf.train.Checkpoint(adam=reference).write(str(tmp_path / 'adam'))
  adam = Adam(parameters)
  status = tf.train.Checkpoint(adam=adam).read(path)
  status.assert_existing_objects_matched()
  for ours, theirs in ((adam.m, reference.m), (adam.v, reference.v)):
    for one, other in zip(ours, theirs, strict=True):
      np.testing.assert_array_equal(one, other)
  assert adam.step.numpy() == 1


@pytest.mark.parametrize('make', [Adam, lambda all: Muon(all, all[1:])])
@pytest.mark.parametrize('value', [1.0, np.inf, np.nan])
def test_a_step_that_is_left_out_changes_nothing(make, value):
  parameters = _parameters()
  optimizer = make(parameters)
  optimizer.apply(_gradients(0), parameters, RATE)
  before = [v.numpy() for v in (*parameters, *optimizer.variables)]
  gradients = [tf.fill(x.shape, value) for x in parameters]
  optimizer.apply(gradients, parameters, RATE, tf.constant(False))
  after = [v.numpy() for v in (*parameters, *optimizer.variables)]
  for one, other in zip(before, after, strict=True):
    np.testing.assert_array_equal(one, other)
