"""Where codes are placed: at the start, and when they come back to life."""

from typing import NamedTuple

import tensorflow as tf

from vqvae_tf.quantizers import codebook

# Chosen on normal data far from the origin and on clusters of unequal size,
# with 256 and 2,048 vectors per step, by codes in use and squared error.
#
# A code is unused when its average count is below this share of the mean,
# N / K, over all codes.
UNUSED_SHARE = 0.2
# A restarted code gets this share of the mean as its count: with a decay of
# 0.99 it then has 40 steps to find vectors before it is unused again.
RESTART_SHARE = 0.3
# How far it starts from a code in use, as a share of the way to a vector.
RESTART_REACH = 0.5


class Candidates(NamedTuple):
  """Encoder outputs of all replicas, at which codes may be placed.

  Attributes:
    vectors: [N, D].
    eligible: bool [N], false for vectors that do not count (padding).
  """

  vectors: tf.Tensor
  eligible: tf.Tensor


def _never_empty(rows):
  """Returns rows [N, ...], or one of zeros (so, not eligible) for none."""
  if rows.shape[0]:
    return rows
  missing = tf.cast(tf.equal(tf.shape(rows)[0], 0), tf.int32)
  return tf.pad(rows, [[0, missing], *[[0, 0]] * (rows.shape.rank - 1)])


def sample_indices(
  eligible: tf.Tensor, count: int, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
  """Draws places of true values, uniformly and none twice.

  Args:
    eligible: bool [N], N >= 1.
    count: how many places are wanted.
    seed: integer [2]; equal seeds give equal draws.

  Returns:
    int32 [count], and bool [count], false once no place is left to draw.
  """
  size = tf.shape(eligible)[0]
  keys = tf.random.stateless_uniform([size], seed, alg='philox')
  _, drawn = tf.math.top_k(
    tf.where(eligible, keys, -1), tf.minimum(count, size)
  )
  rank = tf.range(count)
  available = rank < tf.reduce_sum(tf.cast(eligible, tf.int32))
  return tf.gather(drawn, tf.minimum(rank, size - 1)), available


def spread_indices(
  candidates: Candidates, count: int, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
  """Draws vectors far from each other, as k-means++ draws its first centres.

  P(x_n is next) = d_n^2 / sum_m d_m^2, d_n the distance from x_n to the
  nearest vector drawn so far; the first is drawn uniformly.

  Args:
    candidates: N >= 1 vectors.
    count: how many vectors are wanted.
    seed: integer [2]; equal seeds give equal draws.

  Returns:
    int32 [count], the rows drawn, and bool [count], false once every vector
    that is left equals one drawn before.

  References:
    Arthur and Vassilvitskii, k-means++: The Advantages of Careful Seeding,
    2007.
  """
  vectors, eligible = candidates
  size = tf.shape(vectors)[0]
  draws = tf.random.stateless_uniform(
    [count], seed, dtype=vectors.dtype, alg='philox'
  )

  # Before the first draw all "distances" are one: uniform.
  counts = tf.cast(eligible, vectors.dtype)

  def step(place, distances, drawn):
    mass = tf.cumsum(distances)
    below = tf.cast(mass <= draws[place] * mass[-1], tf.int32)
    row = tf.minimum(tf.reduce_sum(below), size - 1)
    to_row = tf.reduce_sum((vectors - vectors[row]) ** 2, 1)
    # Of a vector that is not finite it is no number.
    to_row = tf.where(eligible, to_row, 0)
    distances = tf.where(place == 0, to_row, tf.minimum(distances, to_row))
    # Without mass there was nothing left to draw.
    row = tf.where(mass[-1] > 0, row, -1)
    return place + 1, distances, drawn.write(place, row)

  *_, drawn = tf.while_loop(
    lambda place, *_: place < count,
    step,
    (0, counts, tf.TensorArray(tf.int32, count)),
  )
  rows = tf.ensure_shape(drawn.stack(), [count])
  return tf.maximum(rows, 0), rows >= 0


def initial_embeddings(
  embeddings: tf.Tensor, candidates: Candidates, policy: codebook.CodebookPolicy
) -> tf.Tensor:
  """Returns the codebook [D, K] with its codes among encoder outputs.

  Codes for which no vector is left stay as they are.
  """
  candidates = Candidates(*map(_never_empty, candidates))
  count, seed = embeddings.shape[1], [policy.seed, -1]
  if policy.initialization == 'kmeans++':
    rows, available = spread_indices(candidates, count, seed)
  else:
    rows, available = sample_indices(candidates.eligible, count, seed)
  vectors = tf.gather(candidates.vectors, rows)
  return tf.where(available, tf.transpose(vectors), embeddings)


def restarts(
  sizes: tf.Tensor,
  embeddings: tf.Tensor,
  candidates: Candidates,
  codes: tf.Tensor,
  seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
  """Decides which codes restart, at which vectors and with which count.

  An unused code is set beside a code in use, a part of the way from there to
  one of that code's vectors: e + r (x - e), x a random encoder output, e its
  code. At x itself it would rarely win another vector: in many dimensions an
  average over vectors is nearer to a new one than any single vector is.

  Args:
    sizes: float [K], the average count of each code.
    embeddings: float [D, K].
    candidates: N current encoder outputs.
    codes: int32 [N], their codes; -1 for those that are not eligible.
    seed: integer [2].

  Returns:
    bool [K], true for the codes that restart (of more unused codes than
    encoder outputs the last ones wait); float [D, K], their vectors, each from
    another encoder output; and the scalar that becomes their average count.
  """
  candidates = Candidates(*map(_never_empty, candidates))
  # Instead of -1 any code: nothing is placed there.
  codes = tf.maximum(_never_empty(codes), 0)
  mean = tf.reduce_mean(sizes)
  unused = sizes < UNUSED_SHARE * mean
  rows, available = sample_indices(candidates.eligible, sizes.shape[0], seed)
  rank = tf.maximum(tf.cumsum(tf.cast(unused, tf.int32)) - 1, 0)
  rows = tf.gather(rows, rank)
  near = tf.gather(embeddings, tf.gather(codes, rows), axis=1)
  far = tf.transpose(tf.gather(candidates.vectors, rows))
  vectors = near + RESTART_REACH * (far - near)
  return unused & tf.gather(available, rank), vectors, RESTART_SHARE * mean
