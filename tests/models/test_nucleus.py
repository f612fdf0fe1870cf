import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.models import nucleus

MASSES = [0.15, 0.5, 0.05, 0.3]


def kept(top_p, masses=MASSES, jit=False):
  keep = tf.function(nucleus.keep, jit_compile=jit)
  logits = tf.math.log([masses, masses[::-1]])
  return tf.nn.softmax(keep(logits, tf.constant(top_p))).numpy()


@pytest.mark.parametrize('jit', [False, True])
@pytest.mark.parametrize(
  'top_p, expected',
  [
    (1e-6, [0, 1, 0, 0]),
    (0.49, [0, 1, 0, 0]),
    (0.51, [0, 0.5 / 0.8, 0, 0.3 / 0.8]),
    (0.79, [0, 0.5 / 0.8, 0, 0.3 / 0.8]),
    (0.81, [0.15 / 0.95, 0.5 / 0.95, 0, 0.3 / 0.95]),
    (0.96, MASSES),
    (1.0, MASSES),
  ],
)
def test_by_hand(top_p, expected, jit):
  first, second = kept(top_p, jit=jit)
  # What is dropped has no mass at all; a few roundings for the others.
  np.testing.assert_array_equal(first == 0, np.equal(expected, 0))
  np.testing.assert_allclose(first, expected, rtol=1e-5)
  np.testing.assert_allclose(second, expected[::-1], rtol=1e-5)


def test_equal_masses_stay_together():
  first, _ = kept(0.3, [0.4, 0.1, 0.4, 0.1])
  np.testing.assert_allclose(first, [0.5, 0, 0.5, 0], rtol=1e-5)


def test_against_sorting():
  logits = tf.random.stateless_normal([50, 40], [1, 2]) * 3
  masses = tf.nn.softmax(logits).numpy().astype(np.float64)
  result = tf.nn.softmax(nucleus.keep(logits, tf.constant(0.9))).numpy() > 0
  ordered = -np.sort(-masses, -1)
  before = np.cumsum(ordered, -1) - ordered
  # The last one that is needed: what comes before it falls short of 0.9.
  last = np.where(before < 0.9, ordered, 1).min(-1, keepdims=True)
  np.testing.assert_array_equal(result, masses >= last)
