"""Counts, draws, restarts: the pure functions under the quantizers."""

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.quantizers import codebook


def test_policy_refuses_unknown_words():
  with pytest.raises(ValueError, match="initialization must be .*'zeros'"):
    codebook.CodebookPolicy(initialization='zeros')
  with pytest.raises(ValueError, match='unused_codes must be one of sonnet, '):
    codebook.CodebookPolicy(unused_codes='drop')


def test_counts_and_sums_by_hand():
  inputs = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
  codes = tf.constant([2, 0, 2])
  assert codebook.code_counts(codes, 4, tf.float32).numpy().tolist() == [
    1,
    0,
    2,
    0,
  ]
  assert codebook.code_sums(inputs, codes, 4).numpy().tolist() == [
    [3, 4],
    [0, 0],
    [6, 8],
    [0, 0],
  ]


def test_perplexity():
  assert codebook.perplexity(tf.constant([0.0, 7.0, 0.0])).numpy() == (
    pytest.approx(1)
  )
  assert codebook.perplexity(tf.constant([5.0] * 8)).numpy() == (
    # 1e-10 is added to probabilities of 1/8.
    pytest.approx(8, rel=1e-6)
  )


def test_replaced_average_behaves_as_if_it_always_had_been():
  decay = 0.9
  average = codebook.DebiasedAverage.of(
    tf.zeros([2], tf.float64), decay, 'average'
  )
  for _ in range(3):
    average(tf.constant([4.0, 5.0], tf.float64))
  average.replace(tf.constant([False, True]), tf.constant(7.0, tf.float64))
  # A hidden value of 7 (1 - decay^3) and one more step, for both elements.
  hidden = np.array([4.0, 7.0]) * (1 - decay**3) * decay + (1 - decay) * 1.0
  np.testing.assert_allclose(
    average(tf.ones([2], tf.float64)), hidden / (1 - decay**4), rtol=1e-14
  )  # a few roundings in float64
  assert average.steps.numpy() == 4
