"""Vector quantizers with the contract of Sonnet's `snt.nets`."""

import tensorflow as tf

from vqvae_tf import replicas
from vqvae_tf.quantizers import arguments, codebook, quantizer
from vqvae_tf.quantizers.one_codebook import OneCodebook

# Averages the use of codes that a gradient moves; nothing else depends on it.
_USAGE_DECAY = 0.99


class VectorQuantizer(OneCodebook):
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
    estimator: of the gradient: `straight_through`, `rotation_trick` or their
      names, 'straight_through' and 'rotation'.

  Raises:
    ValueError: if a number is out of range or the dtype is neither float32 nor
      float64.
    TypeError: if an argument is of another kind.

  Examples:
    >>> quantizer = vqvae_tf.VectorQuantizer(
    ...   embedding_dim=4, num_embeddings=8, commitment_cost=0.25
    ... )
    >>> result = quantizer(tf.random.normal([5, 3, 4]), is_training=True)
    >>> result['quantize'].shape, result['encoding_indices'].shape
    (TensorShape([5, 3, 4]), TensorShape([5, 3]))

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
    estimator: quantizer.Estimator | str = quantizer.straight_through,
  ):
    super().__init__(
      [embedding_dim, num_embeddings],
      commitment_cost,
      dtype,
      name,
      policy,
      estimator,
      trainable=True,
    )
    if policy.places_codes:
      self.ema_cluster_size = codebook.DebiasedAverage.of(
        tf.zeros([num_embeddings], dtype), _USAGE_DECAY, 'ema_cluster_size'
      )

  def _losses(self, inputs, quantized, squares, finite, weights):
    e_latent_loss = quantizer.weighted_mean(squares, weights)
    # The gradient of a difference to a NaN would be the end of its code.
    learning = tf.where(
      tf.expand_dims(finite, -1), quantized, tf.stop_gradient(quantized)
    )
    q_latent_loss = quantizer.weighted_mean(
      (learning - tf.stop_gradient(inputs)) ** 2, weights
    )
    return q_latent_loss + self.commitment_cost * e_latent_loss

  def _set_averages(self, counts):
    if self.policy.places_codes:
      self.ema_cluster_size.settle(counts)

  def _update(self, vectors, codes, counts):
    # The gradient moves the codes in use; the others wait or restart.
    if self.policy.places_codes:
      self.ema_cluster_size(replicas.total(counts))
    if self.policy.unused_codes == 'restart':
      embeddings = tf.convert_to_tensor(self.embeddings)
      where, placed, _ = self._restarts(
        embeddings, vectors.candidates, replicas.rows(codes)
      )
      self._place(tf.where(where, placed, embeddings))


class VectorQuantizerEMA(OneCodebook):
  """Vector quantizer whose codebook follows averages of its vectors.

      n_k, m_k = averages of the counts and sums of the vectors z_e(x) of code
      k, both debiased;  e_k = m_k / n_k
      loss = beta mean (z_e - sg[e])^2

  With `unused_codes='sonnet'` n_k is smoothed before the division:
  (n_k + epsilon) / (n + K epsilon) n, n = sum_k n_k. A call quantizes with the
  codebook before the update. The arguments, the dictionary that a call
  returns, the variables and the numbers are those of
  `snt.nets.VectorQuantizerEMA`; checkpoints restore from one into the other.
  In a replica of a `tf.distribute` strategy counts and sums, and the vectors at
  which codes are placed, are those of all replicas: their codebooks stay equal.

  Args:
    embedding_dim: D, the last dimension of the inputs.
    num_embeddings: K, the number of codes.
    commitment_cost: beta, the weight of the loss.
    decay: of the averages, in [0, 1).
    epsilon: of the smoothing, small and positive.
    dtype: of the codebook, float32 or float64.
    name: of the module.
    policy: where the codebook starts and what becomes of unused codes.
    estimator: of the gradient: `straight_through`, `rotation_trick` or their
      names, 'straight_through' and 'rotation'.
    accumulation_steps: training calls (micro-batches) of which the counts and
      sums are added up before the averages take a step: the codebook moves
      as by one call with all their vectors. (It is initialized from the first
      call of all, and codes restart at vectors of the last one.)

  Raises:
    ValueError: if a number is out of range or the dtype is neither float32 nor
      float64.
    TypeError: if an argument is of another kind.

  Examples:
    >>> quantizer = vqvae_tf.VectorQuantizerEMA(
    ...   embedding_dim=4, num_embeddings=8, commitment_cost=0.25, decay=0.99
    ... )
    >>> vectors = tf.random.normal([5, 3, 4])
    >>> result = quantizer(vectors, is_training=True)
    >>> codes = quantizer.encode(vectors)
    >>> codes.shape, quantizer.decode(codes).shape
    (TensorShape([5, 3, 1]), TensorShape([5, 3, 4]))
    >>> quantizer.bits_per_position
    3.0

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
    estimator: quantizer.Estimator | str = quantizer.straight_through,
    accumulation_steps: int = 1,
  ):
    super().__init__(
      [embedding_dim, num_embeddings],
      commitment_cost,
      dtype,
      name,
      policy,
      estimator,
      trainable=False,
    )
    # At 1 the averages would be 0 / 0.
    self.decay = arguments.real('decay', decay, 1, open_high=True)
    self.epsilon = arguments.real('epsilon', epsilon)
    accumulation_steps = arguments.whole(
      'accumulation_steps', accumulation_steps
    )
    self.accumulation_steps = accumulation_steps
    self.ema_cluster_size = codebook.DebiasedAverage.of(
      tf.zeros([num_embeddings], dtype), decay, 'ema_cluster_size'
    )
    self.ema_dw = codebook.DebiasedAverage.of(
      tf.zeros_like(self.embeddings), decay, 'ema_dw'
    )
    if accumulation_steps > 1:
      self._accumulated = tf.Variable(0, trainable=False, name='accumulated')
      self._counts, self._sums = (
        tf.Variable(tf.zeros_like(average.value), trainable=False, name=name)
        for average, name in (
          (self.ema_cluster_size, 'counts'),
          (self.ema_dw, 'sums'),
        )
      )

  def _losses(self, inputs, quantized, squares, finite, weights):
    return self.commitment_cost * quantizer.weighted_mean(squares, weights)

  def _set_averages(self, counts):
    self.ema_cluster_size.settle(counts)
    self.ema_dw.settle(counts * self.embeddings)
    self._forget()

  def _forget(self):
    """Starts to add up anew."""
    if self.accumulation_steps > 1:
      for variable in (self._accumulated, self._counts, self._sums):
        variable.assign(tf.zeros_like(variable))

  def _is_new(self):
    if self.accumulation_steps == 1:
      return super()._is_new()
    return super()._is_new() & tf.equal(tf.reduce_sum(self._counts), 0)

  def _update(self, vectors, codes, counts):
    sums = codebook.code_sums(
      vectors.values, codes, self.num_embeddings, vectors.weights
    )
    counts, sums = replicas.total((counts, tf.transpose(sums)))
    if vectors.candidates is not None:
      codes = replicas.rows(codes)
    if self.accumulation_steps == 1:
      self._move(counts, sums, vectors.candidates, codes)
      return
    self._accumulated.assign_add(1)
    counts = self._counts.assign_add(counts)
    sums = self._sums.assign_add(sums)

    def move():
      self._move(
        tf.convert_to_tensor(counts),
        tf.convert_to_tensor(sums),
        vectors.candidates,
        codes,
      )
      self._forget()
      return True

    is_last = tf.equal(self._accumulated, self.accumulation_steps)
    tf.cond(is_last, move, lambda: False)

  def _move(self, counts, sums, candidates, codes):
    """Lets the averages take one step by counts [K] and sums [D, K]."""
    sizes = self.ema_cluster_size(counts)
    dw = self.ema_dw(sums)
    if self.policy.unused_codes == 'sonnet':
      n = tf.reduce_sum(sizes)
      smoothed = (
        (sizes + self.epsilon) / (n + self.num_embeddings * self.epsilon) * n
      )
      # Until a vector has counted there is nothing to divide.
      placed = tf.math.divide_no_nan(dw, smoothed)
      self._place(tf.where(n > 0, placed, self.embeddings))
      return
    # Without vectors count and sum shrink alike: their quotient would be the
    # vector that is there already, as long as both are above underflow.
    embeddings = tf.where(
      counts > 0, tf.math.divide_no_nan(dw, sizes), self.embeddings
    )
    if self.policy.unused_codes == 'restart':
      where, placed, size = self._restarts(embeddings, candidates, codes)
      self.ema_dw.replace(where, size * placed)
      embeddings = tf.where(where, placed, embeddings)
    self._place(embeddings)
