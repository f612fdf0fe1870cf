"""Which vectors become codes, at the start and later."""

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.quantizers import codebook, placement


def candidates(vectors):
  return placement.Candidates(vectors, tf.fill([len(vectors)], True))


@pytest.mark.parametrize('size,count', [(1, 1), (3, 8), (8, 8), (100, 8)])
@pytest.mark.parametrize('jit', [False, True])
def test_samples_without_replacement(size, count, jit):
  sample = tf.function(
    lambda seed: placement.sample_indices(tf.fill([size], True), count, seed),
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
    placement.sample_indices(tf.fill([10], True), 1, [0, step])[0].numpy()[0]
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
    lambda: placement.spread_indices(candidates(inputs), 6, [0, 1])
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
    lambda: placement.spread_indices(inputs, 5, [0, 1]), jit_compile=jit
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
    lambda: placement.initial_embeddings(
      tf.fill([2, 6], -1.0), placement.Candidates(values, eligible), policy
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
  after = placement.initial_embeddings(
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
  where, vectors, size = placement.restarts(
    sizes, embeddings, candidates(inputs), codes, [0, 1]
  )
  assert where.numpy().tolist() == [False, True, False, True]
  assert size.numpy() == pytest.approx(25 * placement.RESTART_SHARE)
  # A part of the way from code 0, at 0, to each of the two vectors.
  reach = placement.RESTART_REACH
  assert sorted(vectors.numpy()[0, [1, 3]]) == pytest.approx(
    [10 * reach, 20 * reach]
  )


def test_more_unused_codes_than_vectors():
  where, _, _ = placement.restarts(
    tf.constant([8.0, 0.0, 0.0, 0.0]),
    tf.zeros([1, 4]),
    candidates(tf.ones([2, 1])),
    tf.constant([0, 0]),
    [0, 1],
  )
  assert where.numpy().tolist() == [False, True, True, False]
