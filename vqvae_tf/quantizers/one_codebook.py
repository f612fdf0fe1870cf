"""What vector quantizers with one codebook [D, K] have in common."""

import abc
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

from vqvae_tf import replicas
from vqvae_tf.codes import checked_codes
from vqvae_tf.quantizers import (
  arguments,
  codebook,
  incoming,
  nearest,
  placement,
  quantizer,
)


class Vectors(NamedTuple):
  """The encoder outputs of one pass, flat and without gradient.

  Attributes:
    values: [N, D] in the codebook's dtype.
    weights: [N] in the same dtype, what each counts; None: one each.
    candidates: those of all replicas, if codes may be placed at them.
  """

  values: tf.Tensor
  weights: tf.Tensor | None
  candidates: placement.Candidates | None


class _Step(NamedTuple):
  """What one pass computes; floats in the codebook's dtype but `vectors`.

  Attributes:
    flat: [N, D], the inputs.
    embeddings: [D, K], the codebook before this step's update.
    codes: int32 [...], the inputs' leading dimensions.
    counts: [K], how often each code was chosen.
    vectors: [..., D] in the inputs' dtype, with an estimated gradient.
    loss: scalar.
    finite: bool [...], as in `Quantized`.
  """

  flat: tf.Tensor
  embeddings: tf.Tensor
  codes: tf.Tensor
  counts: tf.Tensor
  vectors: tf.Tensor
  loss: tf.Tensor
  finite: tf.Tensor


class OneCodebook(quantizer.Quantizer):
  """One codebook [D, K] and the nearest code for each vector.

  Subclasses have an average count of each code, `ema_cluster_size`, where
  their policy needs one.
  """

  def __init__(
    self,
    shape: Sequence[int],
    commitment_cost: float,
    dtype: tf.DType,
    name: str,
    policy: codebook.CodebookPolicy,
    estimator: quantizer.Estimator | str,
    trainable: bool,
  ):
    super().__init__(name=name)
    dtype = tf.as_dtype(dtype)
    if dtype not in (tf.float32, tf.float64):
      raise ValueError(
        f'A codebook of {dtype.name} cannot hold its counts and sums: use '
        'dtype=tf.float32, which takes float16 and bfloat16 inputs too.'
      )
    names = ('embedding_dim', 'num_embeddings')
    shape = [*map(arguments.whole, names, shape)]
    self.embedding_dim, self.num_embeddings = shape
    self.commitment_cost = arguments.real('commitment_cost', commitment_cost)
    codebook.check_policy(policy)
    self.policy = policy
    self.estimator = quantizer.as_estimator(estimator)
    initializer = snt.initializers.VarianceScaling(distribution='uniform')
    self.embeddings = tf.Variable(
      initializer(shape, dtype), trainable=trainable, name='embeddings'
    )

  @property
  def codebook_sizes(self) -> tuple[int, ...]:
    return (self.num_embeddings,)

  @property
  def codebooks(self) -> list[tf.Variable]:
    return [self.embeddings]

  def __call__(
    self,
    inputs: tf.Tensor,
    is_training: bool | tf.Tensor,
    weights: tf.Tensor | None = None,
  ) -> dict[str, tf.Tensor]:
    """Quantizes a batch of vectors; in training the codebook may move.

    In a `tf.function` what is not read is not computed: `encodings` and
    `distances` take no part in the work.

    Args:
      inputs: [..., D] in the codebook's dtype, float16 or bfloat16; N vectors
        in all.
      is_training: whether this step's statistics move the codebook: bool, or
        a bool scalar tensor.
      weights: [...] bool or floating, at least 0: what each vector counts in
        the loss and in the statistics; None counts each once.

    Returns:
      A dictionary, floats in the codebook's dtype unless said otherwise.
        quantize: [..., D] in the inputs' dtype, z_q(x), straight-through.
        loss: scalar, the term to add to the training loss.
        perplexity: scalar, the effective number of codes in this batch (of
          one replica).
        encodings: [N, K], the codes as one-hot vectors.
        encoding_indices: int64 [...], the codes.
        distances: [N, K], squared, to the codebook before the update.

    Raises:
      ValueError: if the inputs' last dimension or dtype does not fit.
    """
    step = self._step(inputs, is_training, weights)
    distances = (
      tf.reduce_sum(step.flat**2, 1, keepdims=True)
      - 2 * tf.matmul(step.flat, step.embeddings)
      + tf.reduce_sum(step.embeddings**2, 0, keepdims=True)
    )
    return {
      'quantize': step.vectors,
      'loss': step.loss,
      'perplexity': codebook.perplexity(step.counts),
      'encodings': tf.one_hot(
        tf.reshape(step.codes, [-1]), self.num_embeddings, dtype=distances.dtype
      ),
      'encoding_indices': tf.cast(step.codes, tf.int64),
      'distances': distances,
    }

  def quantize(self, encoding_indices: tf.Tensor) -> tf.Tensor:
    """Returns the embeddings [..., D] of integer indices [...]."""
    return tf.gather(tf.transpose(self.embeddings), encoding_indices)

  def forward(
    self,
    inputs: tf.Tensor,
    is_training: bool | tf.Tensor,
    weights: tf.Tensor | None = None,
  ) -> quantizer.Quantized:
    step = self._step(inputs, is_training, weights)
    return quantizer.Quantized(
      step.vectors, step.loss, tf.expand_dims(step.codes, -1), step.finite
    )

  def encode(self, inputs: tf.Tensor) -> tf.Tensor:
    inputs = self._as_vectors(inputs)
    incoming.check_finite(inputs)
    codes = nearest.nearest_codes(
      self._flat(tf.cast(inputs, self.embeddings.dtype)),
      tf.transpose(self.embeddings),
    )
    return tf.expand_dims(tf.reshape(codes, tf.shape(inputs)[:-1]), -1)

  def decode(self, codes: tf.Tensor) -> tf.Tensor:
    codes = checked_codes(codes, self.codebook_sizes)
    return self.quantize(codes[..., 0])

  def set_embeddings(
    self, values: np.ndarray, counts: np.ndarray | None = None
  ) -> None:
    """Puts a codebook in, from which training goes on.

    Args:
      values: [D, K], as `embeddings` has them.
      counts: [K], how many vectors of a training step have each code, on
        average: the averages stand as if it had been so for long. Of a code
        with many vectors one step changes little. None: one each.

    Raises:
      ValueError: if a shape does not fit, a number is not finite, or counts are
        negative or all zero.
    """
    dim, size = self.embeddings.shape
    dtype = self.embeddings.dtype.as_numpy_dtype
    values = np.asarray(values, dtype)
    if values.shape != (dim, size):
      raise ValueError(
        f'values have shape {values.shape}, but embeddings are [D, K] = '
        f'[{dim}, {size}]: transpose a table with a code in each row.'
      )
    counts = np.ones([size], dtype) if counts is None else np.array(counts)
    if counts.shape != (size,):
      raise ValueError(f'counts have shape {counts.shape}, not [K] = [{size}].')
    for name, array in (('values', values), ('counts', counts)):
      if not np.isfinite(array).all():
        raise ValueError(f'{name} are not finite.')
    if counts.min() < 0 or not counts.any():
      raise ValueError('counts must be at least 0, and one of them above.')
    self._place(values)
    self._set_averages(tf.constant(counts, self.embeddings.dtype))

  @abc.abstractmethod
  def _set_averages(self, counts):
    """Sets the averages that there are to [K] counts of these embeddings."""

  @abc.abstractmethod
  def _losses(self, inputs, quantized, squares, finite, weights):
    """Returns the loss of [..., D] inputs.

    Args:
      inputs: [..., D].
      quantized: [..., D], their codes' vectors.
      squares: [..., D], of the differences, with a gradient to the inputs.
      finite: bool [...]; where it is false no gradient goes to the codebook.
      weights: [...] or None.
    """

  @abc.abstractmethod
  def _update(self, vectors, codes, counts):
    """Moves the codebook.

    Args:
      vectors: `Vectors`.
      codes: int32 [N], their codes; -1 for those that are not finite.
      counts: [K], of the codes.
    """

  def _step(self, inputs, is_training, weights):
    inputs = self._as_vectors(inputs)
    return quantizer.as_told(
      is_training, lambda is_training: self._pass(inputs, is_training, weights)
    )

  def _pass(self, inputs, is_training, weights):
    values, weights = incoming.full_precision(
      inputs, weights, self.embeddings.dtype
    )
    flat = self._flat(values)
    vectors = self._vectors(tf.stop_gradient(flat), weights, is_training)
    if is_training and self.policy.initialization != 'variance_scaling':
      self._initialize_once(vectors.candidates)
    embeddings = tf.convert_to_tensor(self.embeddings)
    table = tf.transpose(embeddings)
    flat_codes = nearest.nearest_codes(flat, table)
    codes = tf.reshape(flat_codes, tf.shape(inputs)[:-1])
    quantized = tf.gather(table, codes)
    squares = (tf.stop_gradient(quantized) - values) ** 2
    finite = incoming.are_finite(values, weights)
    loss = self._losses(values, quantized, squares, finite, weights)
    # Sums by code leave -1 out.
    counted = tf.where(tf.reshape(finite, [-1]), flat_codes, -1)
    counts = codebook.code_counts(
      counted, self.num_embeddings, flat.dtype, vectors.weights
    )
    if is_training:
      self._update(vectors, counted, counts)
    return _Step(
      flat,
      embeddings,
      codes,
      counts,
      self.estimator(inputs, quantized),
      quantizer.nan_unless(finite, loss),
      finite,
    )

  def _vectors(self, flat, weights, is_training):
    if weights is not None:
      weights = tf.reshape(weights, [-1])
    if not is_training or not self.policy.places_codes:
      return Vectors(flat, weights, None)
    # In every step, although the initialization needs it in the first alone:
    # replicas cannot exchange anything in a branch.
    eligible = incoming.are_finite(flat, weights)
    if weights is not None:
      eligible &= weights > 0
    candidates = placement.Candidates(
      replicas.rows(flat), replicas.rows(tf.cast(eligible, flat.dtype)) > 0
    )
    return Vectors(flat, weights, candidates)

  def _initialize_once(self, candidates):
    # The condition chooses between values and the assignment stands outside:
    # no state changes in a branch.
    embeddings = tf.convert_to_tensor(self.embeddings)
    self.embeddings.assign(
      tf.cond(
        self._is_new(),
        lambda: placement.initial_embeddings(
          embeddings, candidates, self.policy
        ),
        lambda: embeddings,
      )
    )

  def _is_new(self):
    """Returns whether no vector has moved the codebook yet: bool scalar.

    Not whether no step has been taken: one may have had padding alone.
    """
    return tf.equal(tf.reduce_sum(self.ema_cluster_size.value), 0)

  def _place(self, embeddings):
    """Sets the codebook to [D, K] embeddings."""
    self.embeddings.assign(embeddings)

  def _restarts(self, embeddings, candidates, codes):
    """Returns which codes restart, their vectors, and their average count.

    Args:
      embeddings: [D, K].
      candidates: the vectors of all replicas, N in all.
      codes: int32 [N], theirs; -1 for none.
    """
    seed = tf.stack([self.policy.seed, self.ema_cluster_size.steps])
    where, placed, size = placement.restarts(
      self.ema_cluster_size.value,
      embeddings,
      candidates,
      codes,
      seed,
    )
    self.ema_cluster_size.replace(where, size)
    return where, placed, size

  def _as_vectors(self, inputs):
    return incoming.as_vectors(
      inputs, self.embedding_dim, self.embeddings.dtype
    )

  def _flat(self, values):
    # Not by their own last dimension, which a graph may not know.
    return tf.reshape(values, [-1, self.embedding_dim])
