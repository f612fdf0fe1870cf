"""Counts, draws, restarts: the pure functions under the quantizers."""

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.quantizers import codebook


def candidates(vectors):
  return codebook.Candidates(vectors, tf.fill([len(vectors)], True))


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


@pytest.mark.parametrize('size,count', [(1, 1), (3, 8), (8, 8), (100, 8)])
@pytest.mark.parametrize('jit', [False, True])
def test_samples_without_replacement(size, count, jit):
  sample = tf.function(
    lambda seed: codebook.sample_indices(tf.fill([size], True), count, seed),
    jit_compile=jit,
  )
  drawn, available = sample(tf.constant([0, 1]))
  kept = drawn.numpy()[available.numpy()]
  assert drawn.shape == [count] and len(kept) == min(size, count)
  assert len(set(kept)) == len(kept)
  assert 0 <= drawn.numpy().min() and drawn.numpy().max() < size
  np.testing.assert_array_equal(drawn, sample(tf.constant([0, 1]))[0])


def test_samples_depend_on_the_seed_and_are_uniform():
  draws = [
    codebook.sample_indices(tf.fill([10], True), 1, [0, step])[0].numpy()[0]
    for step in range(300)
  ]
  counts = np.bincount(draws, minlength=10)
  # 30 expected each, standard deviation 5.2: four of them.
  assert counts.min() > 9 and counts.max() < 51


def test_spread_draws_one_of_each_cluster():
  rng = np.random.default_rng(0)
  centres = 100 * rng.normal(size=[6, 3])
  inputs = tf.constant(
    np.repeat(centres, [500, 1, 1, 1, 40, 1], 0)
    + 1e-3 * rng.normal(size=[544, 3]),
    tf.float32,
  )
  spread = tf.function(
    lambda: codebook.spread_indices(candidates(inputs), 6, [0, 1])
  )
  rows, available = spread()
  assert available.numpy().all()
  chosen = tf.gather(inputs, rows).numpy()
  nearest = ((chosen[:, None] - centres) ** 2).sum(2).argmin(1)
  # Another vector of a drawn cluster has 1e-9 of the others' probability.
  assert sorted(nearest) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize('jit', [False, True])
def test_spread_of_fewer_distinct_vectors_than_codes(jit):
  inputs = candidates(tf.constant([[1.0], [2.0], [1.0]]))
  spread = tf.function(
    lambda: codebook.spread_indices(inputs, 5, [0, 1]), jit_compile=jit
  )
  rows, available = spread()
  assert rows.numpy().max() < 3
  assert available.numpy().tolist() == [True] * 2 + [False] * 3


@pytest.mark.parametrize('jit', [False, True])
@pytest.mark.parametrize('initialization', ['data', 'kmeans++'])
def test_only_eligible_vectors_are_drawn(initialization, jit):
  policy = codebook.CodebookPolicy(initialization=initialization, seed=1)
  values = tf.reshape(tf.range(20.0), [10, 2])
  eligible = tf.constant([False, True] * 4 + [False, False])
  draw = tf.function(
    lambda: codebook.initial_embeddings(
      tf.fill([2, 6], -1.0), codebook.Candidates(values, eligible), policy
    ),
    jit_compile=jit,
  )
  embeddings = draw().numpy()
  assert sorted(embeddings[0, :4]) == [2, 6, 10, 14]
  assert (embeddings[:, 4:] == -1).all()


@pytest.mark.parametrize('initialization', ['data', 'kmeans++'])
def test_initial_embeddings_are_inputs(initialization):
  policy = codebook.CodebookPolicy(initialization=initialization)
  inputs = tf.random.stateless_normal([3, 2], [1, 2])
  before = tf.fill([2, 5], 9.0)
  after = codebook.initial_embeddings(
    before, candidates(inputs), policy
  ).numpy()
  # Three vectors for five codes: the last two stay.
  assert (after[:, 3:] == 9).all()
  assert sorted(after[0, :3].tolist()) == sorted(inputs[:, 0].numpy().tolist())


def test_restarts_by_hand():
  # Mean 25: codes 1 and 3 are below a fifth of it.
  sizes = tf.constant([89.7, 4.9, 5.2, 0.2])
  embeddings = tf.constant([[0.0, 50.0, 60.0, 70.0]])
  inputs, codes = tf.constant([[10.0], [20.0]]), tf.constant([0, 0])
  where, vectors, size = codebook.restarts(
    sizes, embeddings, candidates(inputs), codes, [0, 1]
  )
  assert where.numpy().tolist() == [False, True, False, True]
  assert size.numpy() == pytest.approx(25 * codebook.RESTART_SHARE)
  # A part of the way from code 0, at 0, to each of the two vectors.
  reach = codebook.RESTART_REACH
  assert sorted(vectors.numpy()[0, [1, 3]]) == pytest.approx(
    [10 * reach, 20 * reach]
  )


def test_more_unused_codes_than_vectors():
  where, _, _ = codebook.restarts(
    tf.constant([8.0, 0.0, 0.0, 0.0]),
    tf.zeros([1, 4]),
    candidates(tf.ones([2, 1])),
    tf.constant([0, 0]),
    [0, 1],
  )
  assert where.numpy().tolist() == [False, True, True, False]


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
