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
