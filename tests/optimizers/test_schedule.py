import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.optimizers.schedule import scheduled

RATE = 0.5


def _factors(kind, steps, warmup_steps=0, decay_steps=0):
  return [
    scheduled(RATE, tf.constant(step), warmup_steps, decay_steps, kind) / RATE
    for step in steps
  ]


@pytest.mark.parametrize('kind', ['cosine', 'exponential'])
def test_without_a_decay_it_stays(kind):
  assert _factors(kind, [0, 7, 10**9]) == [1, 1, 1]


@pytest.mark.parametrize('kind', ['cosine', 'exponential'])
def test_it_falls_to_a_hundredth(kind):
  first, last = _factors(kind, [0, 8], decay_steps=8)
  # 1 + the cosine near -1 beside 0.01 has lost digits of float32.
  np.testing.assert_allclose([first, last], [1, 0.01], rtol=1e-5)


def test_an_exponential_has_a_constant_quotient_and_goes_on():
  factors = _factors('exponential', range(0, 17, 4), decay_steps=8)
  np.testing.assert_allclose(factors, [1, 0.1, 1e-2, 1e-3, 1e-4], rtol=1e-5)


def test_a_cosine_stays_at_its_end():
  factors = _factors('cosine', [4, 8, 100], decay_steps=8)
  np.testing.assert_allclose(factors, [0.505, 0.01, 0.01], rtol=1e-5)


def test_the_warmup_multiplies():
  factors = _factors('exponential', [0, 4], warmup_steps=10, decay_steps=8)
  np.testing.assert_allclose(factors, [0.1, 0.5 * 0.1], rtol=1e-5)
