import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import noise
from vqvae_tf.models import drawing

MASSES = [0.15, 0.5, 0.05, 0.3]
jits = pytest.mark.parametrize('jit', [False, True])


@jits
@pytest.mark.parametrize('masses', [[2.0], [0, 3, 1, 0, 4, 0], [1] * 8])
def test_shares_of_draws(masses, jit):
  masses, count = np.array(masses, np.float32), 20000
  draw = tf.function(drawing.draw, jit_compile=jit)
  codes = draw(np.tile(masses, [count, 1]), tf.constant([1, 2])).numpy()
  assert codes.dtype == np.int32
  expected = masses / masses.sum()
  seen = np.bincount(codes, minlength=len(masses)) / count
  # 5 standard errors; nothing is drawn that has no mass.
  error = 5 * np.sqrt(expected * (1 - expected) / count)
  np.testing.assert_array_less(abs(seen - expected), error + 1e-9)


@pytest.mark.parametrize(
  'uniform, expected', [(0.0, 1), (0.49, 1), (0.5, 3), (1 - 2**-23, 3)]
)
def test_ends_of_the_range(monkeypatch, uniform, expected):
  """Both codes that have mass, and never those beside them."""

  def stub(shape, seed):
    return tf.fill(shape, tf.cast(uniform, tf.float32))

  monkeypatch.setattr(noise, 'uniform', stub)
  codes = drawing.draw(tf.constant([[0.0, 0.7, 0.0, 0.7, 0.0]]), [1, 2])
  np.testing.assert_array_equal(codes, [expected])


def test_a_target_above_all_sums_gives_the_last_code_that_has_mass(monkeypatch):
  monkeypatch.setattr(noise, 'uniform', lambda shape, seed: tf.ones(shape))
  codes = drawing.draw(tf.constant([[0.3, 0.7, 0.0, 0.0, 0.0]]), [1, 2])
  np.testing.assert_array_equal(codes, [1])


@jits
@pytest.mark.parametrize(
  'top_p, is_kept',
  [
    (1e-6, [0, 1, 0, 0]),
    (0.49, [0, 1, 0, 0]),
    (0.51, [0, 1, 0, 1]),
    (0.79, [0, 1, 0, 1]),
    (0.81, [1, 1, 0, 1]),
    (0.96, [1, 1, 1, 1]),
    (1.0, [1, 1, 1, 1]),
  ],
)
def test_nucleus_by_hand(top_p, is_kept, jit):
  masses = np.array([MASSES, MASSES[::-1]], np.float32)
  nucleus = tf.function(drawing.nucleus, jit_compile=jit)
  first, second = nucleus(masses, tf.constant(top_p))
  np.testing.assert_array_equal(first, masses[0] * is_kept)
  np.testing.assert_array_equal(second, masses[1] * is_kept[::-1])


def test_equal_masses_stay_together():
  masses = tf.constant([[0.4, 0.1, 0.4, 0.1]])
  kept = drawing.nucleus(masses, tf.constant(0.3)).numpy()
  np.testing.assert_array_equal(kept > 0, [[True, False, True, False]])


def test_nucleus_against_sorting():
  logits = 3 * tf.random.stateless_normal([50, 40], [1, 2])
  masses = tf.nn.softmax(logits).numpy()
  kept = drawing.nucleus(masses, tf.constant(0.9)).numpy()
  ordered = -np.sort(-masses.astype(np.float64), -1)
  before = np.cumsum(ordered, -1) - ordered
  # The last one that is needed: what comes before it falls short of 0.9.
  last = np.where(before < 0.9, ordered, 1).min(-1, keepdims=True)
  np.testing.assert_array_equal(kept > 0, masses >= last)
