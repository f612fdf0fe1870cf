"""The policy of a codebook, its moving averages, and how its use is counted."""

import dataclasses
import math

import numpy as np
import sonnet as snt
import tensorflow as tf

from vqvae_tf.quantizers import arguments

INITIALIZATIONS = ('variance_scaling', 'data', 'kmeans++')
UNUSED_CODES = ('sonnet', 'keep', 'restart')


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
    TypeError: if the seed is no integer.

  Examples:
    >>> vqvae_tf.CodebookPolicy().places_codes
    False
    >>> vqvae_tf.CodebookPolicy('kmeans++', unused_codes='restart').places_codes
    True

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
    arguments.seed(self.seed)

  @property
  def places_codes(self) -> bool:
    """Whether codes are ever placed where encoder outputs are."""
    return (
      self.initialization != 'variance_scaling'
      or self.unused_codes == 'restart'
    )


AS_SONNET = CodebookPolicy()


def check_policy(policy: CodebookPolicy) -> None:
  """Raises a TypeError that shows how a policy is written if it is none."""
  if not isinstance(policy, CodebookPolicy):
    raise TypeError(
      'policy must be a CodebookPolicy, such as '
      "CodebookPolicy('kmeans++', unused_codes='restart'), not "
      f'{policy!r}.'
    )


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

  def settle(self, average: tf.Tensor) -> None:
    """Sets the average, as if every value so far had been that one.

    Of so many values that 1 - decay^t is 1: there is no bias left.
    """
    epsilon, decay = np.finfo(average.dtype.as_numpy_dtype).eps, self._decay
    steps = math.ceil(math.log(epsilon / 4, decay)) if decay > 0 else 1
    self._counter.assign(steps)
    self._hidden.assign(average)
    self.average.assign(average)

  def replace(self, where: tf.Tensor, average: tf.Tensor) -> None:
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
