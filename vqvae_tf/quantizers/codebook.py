"""How a codebook starts, how its use is counted, how dead codes come back."""

import dataclasses
from typing import NamedTuple

import sonnet as snt
import tensorflow as tf

INITIALIZATIONS = ('variance_scaling', 'data', 'kmeans++')
UNUSED_CODES = ('sonnet', 'keep', 'restart')

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


@dataclasses.dataclass(frozen=True)
class CodebookPolicy:
  """Where a codebook starts and what becomes of codes that no vector chooses.

  The defaults do as Sonnet does. Against dead codes:
  `CodebookPolicy(initialization='data', unused_codes='restart')`.

  Attributes:
    initialization: 'variance_scaling' draws as Sonnet does; 'data' takes
      random vectors, without replacement, of the first training batch;
      'kmeans++' spreads them over that batch: each next one with probability
      proportional to the squared distance to the nearest one so far. Of a
      batch with fewer vectors than codes, the remaining codes stay as
      'variance_scaling' drew them.
    unused_codes: 'sonnet' divides the averages whatever the count is, so that
      a code without vectors is zero or shrinks towards it; 'keep' leaves a
      code in place in each step in which no vector chose it, and does not use
      epsilon (a codebook trained by gradients does that by itself); 'restart'
      does so too, and moves a code whose average count falls below a fifth of
      the mean to where vectors of the current batch are.
    seed: int. Draws follow from it and from the number of training steps
      (compiled by XLA they are others than without).

  Raises:
    ValueError: if a word is none of those above.

  References:
    Arthur and Vassilvitskii, k-means++: The Advantages of Careful Seeding,
    2007. Dhariwal et al., Jukebox, 2020, section 3 (random restarts).
  """

  initialization: str = 'variance_scaling'
  unused_codes: str = 'sonnet'
  seed: int = 0

  def __post_init__(self):
    for field, known in (
      ('initialization', INITIALIZATIONS),
      ('unused_codes', UNUSED_CODES),
    ):
      if getattr(self, field) not in known:
        raise ValueError(
          f'{field} must be one of {", ".join(known)}, not '
          f'{getattr(self, field)!r}.'
        )

  @property
  def places_codes(self) -> bool:
    """Whether codes are ever placed where encoder outputs are."""
    return (
      self.initialization != 'variance_scaling'
      or self.unused_codes == 'restart'
    )


AS_SONNET = CodebookPolicy()


class DebiasedAverage(snt.ExponentialMovingAverage):
  """Sonnet's debiased moving average, of which elements can be replaced.

  average_t = hidden_t / (1 - decay^t), with one t for all elements.
  """

  @classmethod
  def of(cls, zeros: tf.Tensor, decay: float, name: str) -> 'DebiasedAverage':
    """Returns an average of tensors with the shape and dtype of `zeros`."""
    if zeros.dtype != tf.float32:
      # Sonnet computes with the decay as it is given: a Python number would
      # become a float32.
      decay = tf.convert_to_tensor(decay, zeros.dtype)
    average = cls(decay=decay, name=name)
    average.initialize(zeros)
    return average

  @property
  def steps(self) -> tf.Tensor:
    """int64 scalar, the number t of values averaged so far."""
    return tf.convert_to_tensor(self._counter)

  def replace(self, where: tf.Tensor, average: tf.Tensor):
    """Sets the average of some elements, as if they always had had it.

    Args:
      where: bool, broadcast to the shape of the average.
      average: the new averages, read where `where` is true.
    """
    average = tf.convert_to_tensor(average)
    steps = tf.cast(self._counter, average.dtype)
    hidden = average * (1.0 - tf.pow(self._decay, steps))
    self._hidden.assign(tf.where(where, hidden, self._hidden))
    self.average.assign(tf.where(where, average, self.average))


def code_counts(
  codes: tf.Tensor,
  num_embeddings: int,
  dtype: tf.DType,
  weights: tf.Tensor | None = None,
) -> tf.Tensor:
  """Returns how many of [N] codes are k, or their weights [N]: float [K]."""
  ones = tf.ones_like(codes, dtype) if weights is None else weights
  return tf.math.unsorted_segment_sum(ones, codes, num_embeddings)


def code_sums(
  inputs: tf.Tensor,
  codes: tf.Tensor,
  num_embeddings: int,
  weights: tf.Tensor | None = None,
) -> tf.Tensor:
  """Returns the sum of the vectors of each code.

  sum_k = sum of w_n x_n over all n with code_n = k.

  Args:
    inputs: [N, D] floating.
    codes: int32 [N] in [0, K).
    num_embeddings: K.
    weights: w, [N] in the dtype of `inputs`; None: all one.

  Returns:
    [K, D] in the dtype of `inputs`.
  """
  if weights is not None:
    inputs *= weights[:, tf.newaxis]
  return tf.math.unsorted_segment_sum(inputs, codes, num_embeddings)


def perplexity(counts: tf.Tensor) -> tf.Tensor:
  """Returns the effective number of codes in use, in [1, K].

  exp(-sum_k p_k log(p_k + 1e-10)), the added constant as in Sonnet.

  Args:
    counts: float [K], how often each code was chosen; all zero give 1.

  Returns:
    Scalar in the dtype of `counts`.
  """
  p = tf.math.divide_no_nan(counts, tf.reduce_sum(counts))
  return tf.exp(-tf.reduce_sum(p * tf.math.log(p + 1e-10)))


class Candidates(NamedTuple):
  """Encoder outputs of all replicas, at which codes may be placed.

  Attributes:
    vectors: [N, D].
    eligible: bool [N], false for vectors that do not count (padding).
  """

  vectors: tf.Tensor
  eligible: tf.Tensor


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

  def step(place, distances, drawn, available):
    mass = tf.cumsum(distances)
    below = tf.cast(mass <= draws[place] * mass[-1], tf.int32)
    row = tf.minimum(tf.reduce_sum(below), size - 1)
    to_row = tf.reduce_sum(tf.math.squared_difference(vectors, vectors[row]), 1)
    # Before the first draw all "distances" are one: uniform.
    shortest = tf.where(place == 0, to_row, tf.minimum(distances, to_row))
    return (
      place + 1,
      tf.where(eligible, shortest, tf.zeros_like(shortest)),
      drawn.write(place, row),
      available.write(place, mass[-1] > 0),
    )

  *_, drawn, available = tf.while_loop(
    lambda place, *_: place < count,
    step,
    (
      0,
      tf.cast(eligible, vectors.dtype),
      tf.TensorArray(tf.int32, count),
      tf.TensorArray(tf.bool, count),
    ),
  )
  return (
    tf.ensure_shape(drawn.stack(), [count]),
    tf.ensure_shape(available.stack(), [count]),
  )


def initial_embeddings(
  embeddings: tf.Tensor, candidates: Candidates, policy: CodebookPolicy
) -> tf.Tensor:
  """Returns the codebook [D, K] with its codes among encoder outputs.

  Codes for which no vector is left stay as they are.
  """
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
    codes: int32 [N], their codes.
    seed: integer [2].

  Returns:
    bool [K], true for the codes that restart (of more unused codes than
    encoder outputs the last ones wait); float [D, K], their vectors, each from
    another encoder output; and the scalar that becomes their average count.
  """
  mean = tf.reduce_mean(sizes)
  unused = sizes < UNUSED_SHARE * mean
  rows, available = sample_indices(candidates.eligible, sizes.shape[0], seed)
  rank = tf.maximum(tf.cumsum(tf.cast(unused, tf.int32)) - 1, 0)
  rows = tf.gather(rows, rank)
  near = tf.gather(embeddings, tf.gather(codes, rows), axis=1)
  far = tf.transpose(tf.gather(candidates.vectors, rows))
  vectors = near + RESTART_REACH * (far - near)
  return unused & tf.gather(available, rank), vectors, RESTART_SHARE * mean
