"""A codebook that is put in, and training that goes on from there."""

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.quantizers import (
  CodebookPolicy,
  CosineQuantizer,
  VectorQuantizer,
  VectorQuantizerEMA,
)

D, K, DECAY = 2, 3, 0.9
VALUES = np.array([[0.0, 10.0, 0.0], [0.0, 0.0, 10.0]])
RESTART = CodebookPolicy('kmeans++', 'restart')


def make(dtype=tf.float64, **options):
  return VectorQuantizerEMA(D, K, 0.25, DECAY, dtype=dtype, **options)


def test_a_step_by_hand():
  module = make()
  module.set_embeddings(VALUES, [4, 1, 1])
  np.testing.assert_array_equal(module.embeddings, VALUES)
  # Two vectors of code 0, one of code 1.
  module(tf.constant([[1.0, 1.0], [2.0, 0.0], [12.0, 0.0]], tf.float64), True)
  expected = [
    (0.1 * np.array([3, 1])) / (0.9 * 4 + 0.1 * 2),
    (0.9 * np.array([10, 0]) + 0.1 * np.array([12, 0])) / 1,
    [0, 10],
  ]
  # Epsilon, 1e-5, smooths the counts.
  np.testing.assert_allclose(module.embeddings, np.transpose(expected), 1e-4)


@pytest.mark.parametrize('dtype', [tf.float32, tf.float64])
@pytest.mark.parametrize(
  'policy', [CodebookPolicy(), CodebookPolicy('data', 'keep'), RESTART]
)
def test_a_step_without_vectors_moves_nothing(policy, dtype):
  module = make(dtype, policy=policy)
  # It has learned something else before.
  module(tf.random.stateless_normal([20, D], [1, 2], dtype=dtype), True)
  module.set_embeddings(VALUES)
  for average in (module.ema_cluster_size, module.ema_dw):
    np.testing.assert_array_equal(average._hidden, average.average)
  module(tf.zeros([0, D], dtype), True)
  # Epsilon again, and the quotient of what shrank alike.
  np.testing.assert_allclose(module.embeddings, VALUES, 1e-4)


@pytest.mark.parametrize('kind', [VectorQuantizer, VectorQuantizerEMA])
def test_what_was_put_in_is_no_start_to_be_replaced(kind):
  options = {'decay': DECAY} if kind is VectorQuantizerEMA else {}
  module = kind(D, K, 0.25, policy=RESTART, **options)
  module.set_embeddings(VALUES, np.array([50, 50, 50]))
  vectors = tf.random.stateless_normal([20, D], [1, 2])
  module(vectors, True)
  # kmeans++ would have set all codes to vectors.
  np.testing.assert_array_equal(module.embeddings[:, 1:], VALUES[:, 1:])


def test_half_a_large_step_is_forgotten():
  module = make(accumulation_steps=2)
  inputs = tf.random.stateless_normal([20, D], [1, 2], dtype=tf.float64)
  module(inputs, True)
  module.set_embeddings(VALUES)
  module(inputs, True)
  np.testing.assert_array_equal(module.embeddings, VALUES)
  module(inputs, True)
  assert (module.embeddings.numpy() != VALUES).any()


def test_directions_have_length_one():
  module = CosineQuantizer(6, K, D).codebook
  module.set_embeddings(VALUES + 1)
  lengths = np.linalg.norm(module.embeddings, axis=0)
  np.testing.assert_allclose(lengths, 1, rtol=1e-6)
  np.testing.assert_array_equal(module.ema_dw.value, module.embeddings)


@pytest.mark.parametrize(
  'arguments, message',
  [
    ([VALUES.T], r'shape \(3, 2\), but .* \[D, K\] = \[2, 3\]: transpose'),
    ([VALUES * np.nan], 'values are not finite'),
    ([VALUES, [1, 2]], r'counts have shape \(2,\), not \[K\] = \[3\]'),
    ([VALUES, [1, np.inf, 1]], 'counts are not finite'),
    ([VALUES, [1, -1, 1]], 'counts must be at least 0'),
    ([VALUES, [0, 0, 0]], 'one of them above'),
  ],
)
def test_mistakes(arguments, message):
  module = make()
  before = module.embeddings.numpy()
  with pytest.raises(ValueError, match=message):
    module.set_embeddings(*arguments)
  np.testing.assert_array_equal(module.embeddings, before)
