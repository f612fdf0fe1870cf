import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.optimizers.adam import Adam
from vqvae_tf.optimizers.muon import Muon, orthogonalized

RATE = tf.constant(0.1)


def _parameters():
  return [tf.Variable(tf.ones([3, 3, 4, 5])), tf.Variable([1.0, -2.0])]


def _gradients(step):
  generator = np.random.default_rng(step)
  return [
    tf.constant(generator.normal(size=size), tf.float32)
    for size in ((3, 3, 4, 5), (2,))
  ]


@pytest.mark.parametrize('shape', [(6, 6), (4, 40), (40, 4)])
def test_singular_values_are_near_one(shape):
  matrix = np.random.default_rng(0).normal(size=shape)
  u, s, v = np.linalg.svd(matrix, full_matrices=False)
  result = orthogonalized(tf.constant(matrix)).numpy()
  # The singular vectors stay, so the result is diagonal in them.
  diagonal = u.T @ result @ v.T
  within = s > 0.02 * np.linalg.norm(s)
  assert within.sum() >= 4
  values = np.diagonal(diagonal)
  assert np.all((values[within] > 0.65) & (values[within] < 1.25))
  np.testing.assert_allclose(diagonal, np.diag(values), atol=1e-10)


def test_of_a_zero_matrix():
  np.testing.assert_array_equal(
    orthogonalized(tf.zeros([2, 3])), np.zeros(6).reshape(2, 3)
  )


@pytest.mark.parametrize('size', [1e-15, 1e-20, 1e-30, 1e-44])
def test_of_a_vanishing_matrix(size):
  """What momentum becomes where gradients have stopped, as in dead units."""
  matrix = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
  result = orthogonalized(tf.constant(matrix * np.float32(size))).numpy()
  assert np.linalg.norm(result, 2) < 1.25


def test_a_step_by_hand():
  """The first step of a 1x1 matrix: its momentum has the gradient's sign."""
  x = tf.Variable([[3.0]])
  muon = Muon([x], [x])
  muon.apply([tf.constant([[-7.0]])], [x], RATE)
  value = 1.0
  for _ in range(5):
    value = 3.4445 * value - 4.7750 * value**3 + 2.0315 * value**5
  # rate * 0.2 * sqrt(max(1, 1)) * value, against the gradient.
  np.testing.assert_allclose(x, [[3.0 + 0.1 * 0.2 * value]], rtol=1e-6)
  # (1 - mu) g
  np.testing.assert_allclose(muon.momenta[0], [[-0.35]], rtol=1e-6)
  assert muon.step.numpy() == 1


def test_steps_have_the_size_of_adams():
  x = tf.Variable(tf.zeros([3, 3, 64, 32]))
  muon = Muon([x], [x])
  gradient = np.random.default_rng(0).normal(size=x.shape)
  muon.apply([tf.constant(gradient, tf.float32)], [x], RATE)
  # 0.2 of the rate; singular values within 0.7 and 1.2 blur it.
  size = np.sqrt(np.mean(x.numpy() ** 2)) / 0.1
  assert 0.14 < size < 0.24


def test_others_go_with_adam():
  ours, theirs = _parameters(), _parameters()
  muon, adam = Muon(ours, ours[:1]), Adam(theirs[1:])
  for step in range(3):
    gradients = _gradients(step)
    muon.apply(gradients, ours, RATE)
    adam.apply(gradients[1:], theirs[1:], RATE)
  np.testing.assert_array_equal(ours[1], theirs[1])
  assert np.abs(ours[0] - theirs[0]).max() > 0


def test_reaches_the_least_squares():
  generator = np.random.default_rng(0)
  inputs = generator.normal(size=(64, 8)).astype(np.float32)
  inputs *= np.logspace(0, -2, 8, dtype=np.float32)
  target = generator.normal(size=(8, 4)).astype(np.float32)
  x = tf.Variable(tf.zeros([8, 4]))
  muon = Muon([x], [x])

  def loss():
    return tf.reduce_sum((inputs @ x - inputs @ target) ** 2)

  first = loss().numpy()
  for step in range(300):
    with tf.GradientTape() as tape:
      value = loss()
    gradients = tape.gradient(value, [x])
    muon.apply(gradients, [x], tf.constant(0.1 * (1 - step / 300)))
  assert loss().numpy() < 1e-4 * first
