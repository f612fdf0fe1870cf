"""Weights of vectors, and statistics added up over micro-batches."""

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.quantizers import (
  CodebookPolicy,
  ResidualQuantizer,
  VectorQuantizer,
  VectorQuantizerEMA,
)

D, K = 3, 7
RESTART = CodebookPolicy('kmeans++', 'restart')


def vectors(step, count=20, dtype=tf.float64):
  return tf.random.stateless_normal([count, D], [7, step], dtype=dtype)


def same_start(*modules):
  for module in modules[1:]:
    for a, b in zip(module.variables, modules[0].variables, strict=True):
      a.assign(b)
  return modules


def ema(**options):
  return VectorQuantizerEMA(D, K, 0.25, 0.9, dtype=tf.float64, **options)


def assert_same(a, b):
  for x, y in zip(a.variables, b.variables, strict=True):
    # float64: sums in another order.
    np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize('jit', [False, True])
def test_padding_moves_nothing(jit):
  plain, padded = same_start(ema(), ema())
  call = tf.function(padded, jit_compile=jit)
  mask = tf.constant([True] * 20 + [False] * 5)
  for step in range(3):
    inputs = tf.concat([vectors(step), tf.fill([5, D], np.float64(np.nan))], 0)
    expected, actual = plain(vectors(step), True), call(inputs, True, mask)
    for key in ('loss', 'perplexity'):
      np.testing.assert_allclose(actual[key], expected[key], rtol=1e-12)
    np.testing.assert_array_equal(
      actual['encoding_indices'][:20], expected['encoding_indices']
    )
  assert_same(padded, plain)


def test_padding_is_never_a_code():
  module = ema(policy=RESTART)
  weights = tf.constant([1.0] * 10 + [0.0] * 10)
  for step in range(30):
    inputs = tf.concat([vectors(step, 10), 1e6 + vectors(step, 10)], 0)
    module.forward(inputs, True, weights)
  assert np.abs(module.embeddings).max() < 10


def test_weight_two_is_twice_the_vector():
  once, weighted = same_start(ema(), ema())
  inputs = vectors(0)
  weights = tf.constant([2.0, 1.0] * 10)
  expected = once(tf.repeat(inputs, [2, 1] * 10, axis=0), True)
  actual = weighted(inputs, True, weights)
  np.testing.assert_allclose(actual['loss'], expected['loss'], rtol=1e-12)
  assert_same(weighted, once)


@pytest.mark.parametrize('kind', ['ema', 'gradient'])
def test_gradients_of_padding_are_zero(kind):
  module = (
    ema() if kind == 'ema' else VectorQuantizer(D, K, 0.25, dtype=tf.float64)
  )
  inputs = vectors(0)
  mask = tf.constant([True, False] * 10)
  with tf.GradientTape() as tape:
    tape.watch(inputs)
    loss = module.forward(inputs, True, mask).loss
  gradient = np.abs(tape.gradient(loss, inputs)).sum(1)
  assert (gradient[::2] > 0).all() and (gradient[1::2] == 0).all()


@pytest.mark.parametrize('jit', [False, True])
@pytest.mark.parametrize(
  'policy',
  [CodebookPolicy(), CodebookPolicy('data', 'keep'), RESTART],
  ids=['sonnet', 'keep', 'restart'],
)
@pytest.mark.parametrize('accumulation_steps', [1, 2])
def test_steps_in_which_no_vector_counts(policy, accumulation_steps, jit):
  module = ema(policy=policy, accumulation_steps=accumulation_steps)
  before = module.embeddings.numpy()
  call = tf.function(module, jit_compile=jit)
  for step in range(2):
    outputs = call(vectors(step), True, tf.zeros([20]))
    assert outputs['loss'].numpy() == 0 and outputs['perplexity'].numpy() == 1
    np.testing.assert_array_equal(module.embeddings, before)
  # And then it starts as if there had been none.
  for _ in range(2):
    call(vectors(0), True, tf.ones([20]))
  assert np.isfinite(module.embeddings).all()
  assert (module.embeddings.numpy() != before).any()
  if policy.initialization != 'variance_scaling':
    assert len(np.unique(module.encode(vectors(0)))) == K


def test_residual_stages_without_vectors_stay_finite():
  stages = [VectorQuantizerEMA(D, K, 0.25, 0.9) for _ in range(4)]
  module = ResidualQuantizer(stages, dropout=1.0)
  for step in range(5):
    # Two examples leave some stages out.
    result = module.forward(vectors(step, 2, tf.float32), True)
    assert np.isfinite(result.vectors).all() and np.isfinite(result.loss)


def test_weights_of_another_shape_are_refused():
  with pytest.raises(ValueError, match=r'weights have shape \(3,\).*\(20,\)'):
    ema().forward(vectors(0), True, tf.ones([3]))


def test_overflown_vectors_count_nothing():
  module = VectorQuantizerEMA(D, K, 0.25, 0.9)
  inputs = vectors(0, dtype=tf.float16)
  spoilt = tf.concat([inputs, [[np.inf, 0, 0], [np.nan, 1, 2]]], 0)
  module(spoilt, True)
  assert module.ema_cluster_size.value.numpy().sum() == pytest.approx(20)
  assert np.isfinite(module.embeddings).all()


@pytest.mark.parametrize('policy', [CodebookPolicy(), RESTART])
def test_one_number_that_is_none_is_one_vector_less(policy):
  module, told = same_start(ema(policy=policy), ema(policy=policy))
  inputs = vectors(0, 340).numpy()
  inputs[100, 1] = np.nan
  for _ in range(2):
    result = module.forward(inputs, True)
    told.forward(inputs, True, np.isfinite(inputs).all(1))
  assert np.isnan(result.loss)
  np.testing.assert_array_equal(np.flatnonzero(~result.finite.numpy()), [100])
  assert_same(module, told)
  # And it goes on.
  assert np.isfinite(module.forward(vectors(1), True).loss)


def test_a_weight_that_is_no_number_moves_nothing():
  module = ema()
  weights = np.ones([20])
  weights[3] = np.nan
  result = module.forward(vectors(0), True, weights)
  assert np.isnan(result.loss) and not result.finite[3]
  assert module.ema_cluster_size.value.numpy().sum() == pytest.approx(19)


def test_a_vector_whose_sum_overflows_counts_nothing():
  module = VectorQuantizerEMA(D, K, 0.25, 0.9)
  inputs = vectors(0, dtype=tf.float32).numpy()
  inputs[3] = np.finfo(np.float32).max
  assert np.isnan(module.forward(inputs, True).loss)
  assert np.isfinite(module.embeddings).all()


@pytest.mark.parametrize('jit', [False, True])
@pytest.mark.parametrize('unused', ['sonnet', 'keep'])
def test_micro_batches_equal_the_large_batch(unused, jit):
  policy = CodebookPolicy(unused_codes=unused)
  large, small = ema(policy=policy), ema(policy=policy, accumulation_steps=4)
  small.embeddings.assign(large.embeddings)
  call = tf.function(small.forward, jit_compile=jit)
  for step in range(3):
    inputs = vectors(step)
    expected = large.forward(inputs, True)
    before = small.embeddings.numpy()
    for part in range(4):
      np.testing.assert_array_equal(small.embeddings, before)
      codes = call(inputs[5 * part : 5 * part + 5], True).codes
      np.testing.assert_array_equal(
        codes, expected.codes[5 * part : 5 * part + 5]
      )
    # float64: sums in another order.
    np.testing.assert_allclose(small.embeddings, large.embeddings, rtol=1e-12)


def test_micro_batches_initialize_and_restart():
  module = ema(policy=RESTART, accumulation_steps=2)
  module.forward(vectors(0), True)
  first = module.embeddings.numpy()
  # Each code is one of the first batch's vectors.
  distances = ((first.T[:, None] - vectors(0).numpy()) ** 2).sum(2)
  assert (distances.min(1) == 0).all()
  module.forward(50 + vectors(1), True)
  for step in range(40):
    module.forward(50 + vectors(step), True)
  codes = module.encode(50 + vectors(99, 500)).numpy()
  assert len(np.unique(codes)) == K


def test_accumulation_needs_a_step():
  with pytest.raises(ValueError, match='accumulation_steps must be at least 1'):
    ema(accumulation_steps=0)
