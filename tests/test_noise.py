import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from vqvae_tf import noise


@pytest.mark.parametrize(
  'draw, law',
  [
    (noise.normal, 'norm'),
    (noise.logistic, 'logistic'),
    (noise.gumbel, 'gumbel_r'),
  ],
)
def test_distribution(draw, law):
  values = draw([20000], tf.constant([1, 2])).numpy()
  assert values.dtype == np.float32 and np.all(np.isfinite(values))
  # A right generator fails once in a thousand seeds, and this one is fixed.
  assert scipy.stats.kstest(values, law).pvalue > 1e-3


def test_split_gives_two_other_seeds():
  seeds = {tuple(s.numpy()) for s in noise.split(tf.constant([1, 2]))}
  assert len(seeds | {(1, 2)}) == 3


SHAPES = [(7,), (64, 1), (3, 5, 7), (1, 1), (100, 33)]


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('jit', [False, True])
def test_numbers_are_those_of_tensorflow_without_xla(shape, jit):
  """What a seed has drawn stays what it draws."""
  seed = tf.constant([5, 9])
  uniform, normal = (
    tf.function(lambda seed, f=f: f(shape, seed), jit_compile=jit)(seed)
    for f in (noise.uniform, noise.normal)
  )
  expected = tf.random.stateless_uniform(shape, seed, alg=noise.ALGORITHM)
  np.testing.assert_array_equal(uniform, expected)
  expected = tf.random.stateless_normal(shape, seed, alg=noise.ALGORITHM)
  # Other implementations of sine and logarithm.
  np.testing.assert_allclose(normal, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('draw', [noise.logistic, noise.gumbel])
def test_the_same_with_and_without_xla(draw):
  seed = tf.constant([5, 9])
  plain, compiled = (
    tf.function(lambda seed: draw([100, 3], seed), jit_compile=jit)(seed)
    for jit in (False, True)
  )
  # Other implementations of the logarithm.
  np.testing.assert_allclose(compiled, plain, rtol=1e-4, atol=1e-5)


def test_seeds_are_the_same_with_and_without_xla():
  seed = tf.constant([5, 9])
  plain, compiled = (
    tf.function(noise.split, jit_compile=jit)(seed) for jit in (False, True)
  )
  np.testing.assert_array_equal(plain, compiled)
