"""Vector quantizers with the contract of Sonnet's `snt.nets`."""

import abc
from typing import NamedTuple

import sonnet as snt
import tensorflow as tf

from vqvae_tf.quantizers import codebook, nearest, quantizer

# Averages the use of codes that a gradient moves; nothing else depends on it.
_USAGE_DECAY = 0.99


class _Step(NamedTuple):
  """What one pass computes; floats in the codebook's dtype but `vectors`.

  Attributes:
    flat: [N, D], the inputs.
    embeddings: [D, K], the codebook before this step's update.
    codes: int32 [...], the inputs' leading dimensions.
    counts: [K], how often each code was chosen.
    vectors: [..., D] in the inputs' dtype, straight-through.
    loss: scalar.
  """

  flat: tf.Tensor
  embeddings: tf.Tensor
  codes: tf.Tensor
  counts: tf.Tensor
  vectors: tf.Tensor
  loss: tf.Tensor


class _OneCodebook(quantizer.Quantizer):
  """One codebook [D, K] and the nearest code for each vector."""

  def __init__(self, shape, commitment_cost, dtype, name, policy, trainable):
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
    initializer = snt.initializers.VarianceScaling(distribution='uniform')
    self.embeddings = tf.Variable(
      initializer(shape, dtype), trainable=trainable, name='embeddings'
    )

  @property
  def codebook_sizes(self) -> tuple[int, ...]:
    return (self.num_embeddings,)

  def __call__(
    self, inputs: tf.Tensor, is_training: bool
  ) -> dict[str, tf.Tensor]:
    """Quantizes a batch of vectors; in training the codebook may move.

    In a `tf.function` what is not read is not computed: `encodings` and
    `distances` take no part in the work.

    Args:
      inputs: [..., D] in the codebook's dtype, float16 or bfloat16; N vectors
        in all.
      is_training: whether this step's statistics move the codebook.

    Returns:
      A dictionary, floats in the codebook's dtype unless said otherwise.
        quantize: [..., D] in the inputs' dtype, z_q(x), straight-through.
        loss: scalar, the term to add to the training loss.
        perplexity: scalar, the effective number of codes in this batch.
        encodings: [N, K], the codes as one-hot vectors.
        encoding_indices: int64 [...], the codes.
        distances: [N, K], squared, to the codebook before the update.

    Raises:
      ValueError: if the inputs' last dimension or dtype does not fit.
    """
    step = self._step(tf.convert_to_tensor(inputs), is_training)
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
    self, inputs: tf.Tensor, is_training: bool
  ) -> quantizer.Quantized:
    step = self._step(tf.convert_to_tensor(inputs), is_training)
    return quantizer.Quantized(
      step.vectors, step.loss, step.codes[..., tf.newaxis]
    )

  def encode(self, inputs: tf.Tensor) -> tf.Tensor:
    inputs = tf.convert_to_tensor(inputs)
    codes = nearest.nearest_codes(
      self._flat(inputs), tf.transpose(self.embeddings)
    )
    return tf.reshape(codes, tf.shape(inputs)[:-1])[..., tf.newaxis]

  def decode(self, codes: tf.Tensor) -> tf.Tensor:
    codes = quantizer.checked_codes(codes, self.codebook_sizes)
    return self.quantize(codes[..., 0])

  @abc.abstractmethod
  def _losses(self, inputs, quantized):
    """Returns the loss of [..., D] inputs and their quantized vectors."""

  @abc.abstractmethod
  def _update(self, flat, codes, counts):
    """Moves the codebook after a training step of [N, D] vectors."""

  def _step(self, inputs, is_training):
    flat = self._flat(inputs)
    if is_training and self.policy.initialization != 'variance_scaling':
      self._initialize_once(tf.stop_gradient(flat))
    embeddings = tf.convert_to_tensor(self.embeddings)
    table = tf.transpose(embeddings)
    flat_codes = nearest.nearest_codes(flat, table)
    counts = codebook.code_counts(flat_codes, self.num_embeddings, flat.dtype)
    codes = tf.reshape(flat_codes, tf.shape(inputs)[:-1])
    quantized = tf.gather(table, codes)
    loss = self._losses(tf.cast(inputs, flat.dtype), quantized)
    if is_training:
      self._update(tf.stop_gradient(flat), flat_codes, counts)
    return _Step(
      flat,
      embeddings,
      codes,
      counts,
      quantizer.straight_through(inputs, quantized),
      loss,
    )

  def _initialize_once(self, flat):
    # The condition chooses between values and the assignment stands outside:
    # no state changes in a branch.
    embeddings = tf.convert_to_tensor(self.embeddings)
    self.embeddings.assign(
      tf.cond(
        tf.equal(self.ema_cluster_size.steps, 0),
        lambda: codebook.initial_embeddings(embeddings, flat, self.policy),
        lambda: embeddings,
      )
    )

  def _restarts(self, embeddings, flat, codes):
    """Returns which codes restart, their vectors, and their average count."""
    seed = tf.stack([self.policy.seed, self.ema_cluster_size.steps])
    where, vectors, size = codebook.restarts(
      self.ema_cluster_size.value, embeddings, flat, codes, seed
    )
    self.ema_cluster_size.replace(where, size)
    return where, vectors, size

  def _flat(self, inputs):
    """Checks [..., D] inputs; returns [N, D] in the codebook's dtype."""
    dtype = self.embeddings.dtype
    if inputs.dtype not in (dtype, tf.float16, tf.bfloat16):
      raise ValueError(
        f'inputs are {inputs.dtype.name}, but the codebook is {dtype.name}: '
        f'cast them to {dtype.name} (float16 and bfloat16 are taken too).'
      )
    last = inputs.shape[-1] if inputs.shape.rank != 0 else 'none'
    if last not in (None, self.embedding_dim):
      raise ValueError(
        f'inputs have last dimension {last}, but embedding_dim '
        f'is {self.embedding_dim}.'
      )
    return tf.cast(tf.reshape(inputs, [-1, self.embedding_dim]), dtype)


class VectorQuantizer(_OneCodebook):
  """Vector quantizer whose codebook is trained by gradients.

  z_q(x) = e_k, k = argmin_j |z_e(x) - e_j|^2
  loss = mean (sg[z_e] - e)^2 + beta mean (z_e - sg[e])^2

  The means are over all elements, where the paper sums over D. The arguments,
  the dictionary that a call returns, the variables and the numbers are those
  of `snt.nets.VectorQuantizer`; checkpoints restore from one into the other.

  Args:
    embedding_dim: D, the last dimension of the inputs.
    num_embeddings: K, the number of codes.
    commitment_cost: beta, the weight of the second term.
    dtype: of the codebook, float32 or float64.
    name: of the module.
    policy: where the codebook starts and what becomes of unused codes. With
      other than Sonnet's, the average use of codes becomes a variable.

  Raises:
    ValueError: if the dtype is neither float32 nor float64.

  References:
    van den Oord et al., Neural Discrete Representation Learning, 2017,
    equations 1 to 3 (https://arxiv.org/abs/1711.00937).
  """

  def __init__(
    self,
    embedding_dim: int,
    num_embeddings: int,
    commitment_cost: float,
    dtype: tf.DType = tf.float32,
    name: str = 'vector_quantizer',
    *,
    policy: codebook.CodebookPolicy = codebook.AS_SONNET,
  ):
    super().__init__(
      [embedding_dim, num_embeddings],
      commitment_cost,
      dtype,
      name,
      policy,
      trainable=True,
    )
    self._counts_usage = (
      policy.initialization != 'variance_scaling'
      or policy.unused_codes == 'restart'
    )
    if self._counts_usage:
      self.ema_cluster_size = codebook.DebiasedAverage.of(
        tf.zeros([num_embeddings], dtype), _USAGE_DECAY, 'ema_cluster_size'
      )

  def _losses(self, inputs, quantized):
    e_latent_loss = tf.reduce_mean((tf.stop_gradient(quantized) - inputs) ** 2)
    q_latent_loss = tf.reduce_mean((quantized - tf.stop_gradient(inputs)) ** 2)
    return q_latent_loss + self.commitment_cost * e_latent_loss

  def _update(self, flat, codes, counts):
    # The gradient moves the codes in use; the others wait or restart.
    if self._counts_usage:
      self.ema_cluster_size(counts)
    if self.policy.unused_codes == 'restart':
      embeddings = tf.convert_to_tensor(self.embeddings)
      where, vectors, _ = self._restarts(embeddings, flat, codes)
      self.embeddings.assign(tf.where(where, vectors, embeddings))


class VectorQuantizerEMA(_OneCodebook):
  """Vector quantizer whose codebook follows averages of its vectors.

  n_k = average of the counts, m_k = average of the sums of the vectors z_e(x)
  of code k, both debiased; e_k = m_k / n_k
  loss = beta mean (z_e - sg[e])^2

  With `unused_codes='sonnet'` n_k is smoothed before the division:
  (n_k + epsilon) / (n + K epsilon) n, n = sum_k n_k. A call quantizes with the
  codebook before the update. The arguments, the dictionary that a call
  returns, the variables and the numbers are those of
  `snt.nets.VectorQuantizerEMA`; checkpoints restore from one into the other.

  Args:
    embedding_dim: D, the last dimension of the inputs.
    num_embeddings: K, the number of codes.
    commitment_cost: beta, the weight of the loss.
    decay: of the averages, in [0, 1].
    epsilon: of the smoothing, small and positive.
    dtype: of the codebook, float32 or float64.
    name: of the module.
    policy: where the codebook starts and what becomes of unused codes.

  Raises:
    ValueError: if decay is not in [0, 1] or the dtype is neither float32 nor
      float64.

  References:
    van den Oord et al., Neural Discrete Representation Learning, 2017,
    appendix A.1 (https://arxiv.org/abs/1711.00937).
  """

  def __init__(
    self,
    embedding_dim: int,
    num_embeddings: int,
    commitment_cost: float,
    decay: float,
    epsilon: float = 1e-5,
    dtype: tf.DType = tf.float32,
    name: str = 'vector_quantizer_ema',
    *,
    policy: codebook.CodebookPolicy = codebook.AS_SONNET,
  ):
    if not 0 <= decay <= 1:
      raise ValueError(f'decay must be in [0, 1], not {decay}.')
    super().__init__(
      [embedding_dim, num_embeddings],
      commitment_cost,
      dtype,
      name,
      policy,
      trainable=False,
    )
    self.decay = decay
    self.epsilon = epsilon
    self.ema_cluster_size = codebook.DebiasedAverage.of(
      tf.zeros([num_embeddings], dtype), decay, 'ema_cluster_size'
    )
    self.ema_dw = codebook.DebiasedAverage.of(
      tf.zeros_like(self.embeddings), decay, 'ema_dw'
    )

  def _losses(self, inputs, quantized):
    return self.commitment_cost * tf.reduce_mean(
      (tf.stop_gradient(quantized) - inputs) ** 2
    )

  def _update(self, flat, codes, counts):
    sums = codebook.code_sums(flat, codes, self.num_embeddings)
    sizes = self.ema_cluster_size(counts)
    dw = self.ema_dw(tf.transpose(sums))
    if self.policy.unused_codes == 'sonnet':
      n = tf.reduce_sum(sizes)
      smoothed = (
        (sizes + self.epsilon) / (n + self.num_embeddings * self.epsilon) * n
      )
      self.embeddings.assign(dw / smoothed)
      return
    # Without vectors count and sum shrink alike: their quotient would be the
    # vector that is there already, as long as both are above underflow.
    embeddings = tf.where(
      counts > 0, tf.math.divide_no_nan(dw, sizes), self.embeddings
    )
    if self.policy.unused_codes == 'restart':
      where, vectors, size = self._restarts(embeddings, flat, codes)
      self.ema_dw.replace(where, size * vectors)
      embeddings = tf.where(where, vectors, embeddings)
    self.embeddings.assign(embeddings)
