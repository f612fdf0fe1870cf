"""What vector quantizers with one codebook [D, K] have in common."""

import abc
from typing import NamedTuple

import sonnet as snt
import tensorflow as tf

from vqvae_tf import replicas
from vqvae_tf.codes import checked_codes
from vqvae_tf.quantizers import codebook, nearest, placement, quantizer


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
  """

  flat: tf.Tensor
  embeddings: tf.Tensor
  codes: tf.Tensor
  counts: tf.Tensor
  vectors: tf.Tensor
  loss: tf.Tensor


class OneCodebook(quantizer.Quantizer):
  """One codebook [D, K] and the nearest code for each vector.

  Subclasses have an average count of each code, `ema_cluster_size`, where
  their policy needs one.
  """

  def __init__(
    self, shape, commitment_cost, dtype, name, policy, estimator, trainable
  ):
    super().__init__(name=name)
    dtype = tf.as_dtype(dtype)
    if dtype not in (tf.float32, tf.float64):
      raise ValueError(
        f'A codebook of {dtype.name} cannot hold its counts and sums: use '
        'dtype=tf.float32, which takes float16 and bfloat16 inputs too.'
      )
    self.embedding_dim, self.num_embeddings = shape
    self.commitment_cost = commitment_cost
    self.policy = policy
    self.estimator = estimator
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
    is_training: bool,
    weights: tf.Tensor | None = None,
  ) -> dict[str, tf.Tensor]:
    """Quantizes a batch of vectors; in training the codebook may move.

    In a `tf.function` what is not read is not computed: `encodings` and
    `distances` take no part in the work.

    Args:
      inputs: [..., D] in the codebook's dtype, float16 or bfloat16; N vectors
        in all.
      is_training: whether this step's statistics move the codebook.
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
    step = self._step(tf.convert_to_tensor(inputs), is_training, weights)
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
    is_training: bool,
    weights: tf.Tensor | None = None,
  ) -> quantizer.Quantized:
    step = self._step(tf.convert_to_tensor(inputs), is_training, weights)
    return quantizer.Quantized(
      step.vectors, step.loss, step.codes[..., tf.newaxis]
    )

  def encode(self, inputs: tf.Tensor) -> tf.Tensor:
    inputs = tf.convert_to_tensor(inputs)
    self._check(inputs)
    codes = nearest.nearest_codes(
      self._flat(tf.cast(inputs, self.embeddings.dtype)),
      tf.transpose(self.embeddings),
    )
    return tf.reshape(codes, tf.shape(inputs)[:-1])[..., tf.newaxis]

  def decode(self, codes: tf.Tensor) -> tf.Tensor:
    codes = checked_codes(codes, self.codebook_sizes)
    return self.quantize(codes[..., 0])

  @abc.abstractmethod
  def _losses(self, inputs, quantized, weights):
    """Returns the loss of [..., D] inputs, their vectors, and weights [...]."""

  @abc.abstractmethod
  def _update(self, vectors, codes, counts):
    """Moves the codebook: `Vectors`, their codes int32 [N], counts [K]."""

  def _step(self, inputs, is_training, weights):
    self._check(inputs)
    values, weights = quantizer.full_precision(
      inputs, weights, self.embeddings.dtype
    )
    flat = self._flat(values)
    vectors = self._vectors(tf.stop_gradient(flat), weights, is_training)
    if is_training and self.policy.initialization != 'variance_scaling':
      self._initialize_once(vectors.candidates)
    embeddings = tf.convert_to_tensor(self.embeddings)
    table = tf.transpose(embeddings)
    flat_codes = nearest.nearest_codes(flat, table)
    counts = codebook.code_counts(
      flat_codes, self.num_embeddings, flat.dtype, vectors.weights
    )
    codes = tf.reshape(flat_codes, tf.shape(inputs)[:-1])
    quantized = tf.gather(table, codes)
    loss = self._losses(values, quantized, weights)
    if is_training:
      self._update(vectors, flat_codes, counts)
    estimate = self.estimator(inputs, quantized)
    return _Step(flat, embeddings, codes, counts, estimate, loss)

  def _vectors(self, flat, weights, is_training):
    if weights is not None:
      weights = tf.reshape(weights, [-1])
    if not is_training or not self.policy.places_codes:
      return Vectors(flat, weights, None)
    # In every step, although the initialization needs it in the first alone:
    # replicas cannot exchange anything in a branch.
    every = tf.ones_like(flat[:, 0]) if weights is None else weights
    candidates = placement.Candidates(
      replicas.rows(flat), replicas.rows(every) > 0
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
      codes: int32 [N], theirs.
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

  def _check(self, inputs):
    dtype = self.embeddings.dtype
    if inputs.dtype not in (dtype, tf.float16, tf.bfloat16):
      raise ValueError(
        f'inputs are {inputs.dtype.name}, but the codebook is {dtype.name}: '
        f'cast them to {dtype.name} (float16 and bfloat16 are taken too).'
      )
    quantizer.check_last_dimension(inputs, self.embedding_dim)

  def _flat(self, values):
    # Not by their own last dimension, which a graph may not know.
    return tf.reshape(values, [-1, self.embedding_dim])
