"""Residual quantizer: each code refines what the ones before it left."""

import itertools
from collections.abc import Sequence

import tensorflow as tf

from vqvae_tf import replicas
from vqvae_tf.quantizers import arguments, incoming, quantizer
from vqvae_tf.quantizers.composite import Composite


class ResidualQuantizer(Composite):
  """Quantizes a vector, then what is left of it, M times.

      r_1 = x, r_{m+1} = r_m - q_m(r_m), z_q(x) = sum_m q_m(r_m)
      loss = mean of the stages' losses

  The codes come in order of importance. With quantizer dropout the decoder
  learns to do with the first few of them.

  Args:
    quantizers: the M stages, all of the same dimension D.
    dropout: share of the examples (along the first axis) that in training use
      only the first n stages, n uniform in 1..M; the others do not learn from
      them, though their codes are returned, too.
    estimator: of the gradient from z_q(x) to x; those of the stages are not
      used.
    seed: of the dropout.
    name: of the module.

  Raises:
    ValueError: if there is no quantizer, one is or holds a `CosineQuantizer`
      (`learns_from_vectors`), their dimensions differ, or dropout is not in
      [0, 1].
    TypeError: if one of the quantizers is none, or another argument of another
      kind.

  Examples:
    >>> stages = [vqvae_tf.VectorQuantizer(4, 16, 0.25) for _ in range(3)]
    >>> quantizer = vqvae_tf.ResidualQuantizer(stages)
    >>> quantizer.encode(tf.random.normal([5, 4])).shape
    TensorShape([5, 3])

  References:
    Zeghidour et al., SoundStream: An End-to-End Neural Audio Codec, 2021,
    sections III.C and III.D (https://arxiv.org/abs/2107.03312).
  """

  def __init__(
    self,
    quantizers: Sequence[quantizer.Quantizer],
    dropout: float = 0.0,
    estimator: quantizer.Estimator | str = quantizer.straight_through,
    seed: int = 0,
    name: str = 'residual_quantizer',
  ):
    super().__init__(quantizers, name)
    dims = [stage.embedding_dim for stage in self.quantizers]
    if len(set(dims)) > 1:
      raise ValueError(f'the stages have different dimensions: {dims}.')
    for stage in self.quantizers:
      if stage.learns_from_vectors:
        raise ValueError(
          f'a stage cannot be a {type(stage).__name__} with weights that learn '
          'from its vectors: no gradient would reach them.'
        )
    self.embedding_dim = dims[0]
    self.dropout = arguments.real('dropout', dropout, 1)
    self.estimator = quantizer.as_estimator(estimator)
    self.seed = arguments.seed(seed)
    if dropout:
      self._steps = tf.Variable(
        0, dtype=tf.int64, trainable=False, name='dropout_steps'
      )

  def forward(
    self,
    inputs: tf.Tensor,
    is_training: bool | tf.Tensor,
    weights: tf.Tensor | None = None,
  ) -> quantizer.Quantized:
    inputs = incoming.as_vectors(inputs, self.embedding_dim)
    return quantizer.as_told(
      is_training, lambda is_training: self._step(inputs, is_training, weights)
    )

  def _step(self, inputs, is_training, weights):
    residual, weights = incoming.full_precision(inputs, weights)
    quantized, results = tf.zeros_like(residual), []
    drops = is_training and self.dropout > 0
    kept = self._kept_stages(inputs) if drops else 0
    for m, stage in enumerate(self.quantizers):
      used = weights
      if drops:
        used = tf.cast(kept > m, residual.dtype)
        used = used if weights is None else used * weights
      result = stage.forward(residual, is_training, used)
      refinement = tf.stop_gradient(result.vectors)
      residual -= refinement
      if drops:
        refinement *= tf.cast(kept > m, residual.dtype)[..., tf.newaxis]
      quantized += refinement
      results.append(result)
    return quantizer.Quantized(
      self.estimator(inputs, quantized),
      tf.add_n([result.loss for result in results]) / len(results),
      tf.concat([result.codes for result in results], -1),
      tf.reduce_all([result.finite for result in results], 0),
    )

  def encode(self, inputs: tf.Tensor) -> tf.Tensor:
    inputs = incoming.as_vectors(inputs, self.embedding_dim)
    residual, _ = incoming.full_precision(inputs, None)
    codes = []
    for stage in self.quantizers:
      codes.append(stage.encode(residual))
      residual -= stage.decode(codes[-1])
    return tf.concat(codes, -1)

  def decode(self, codes: tf.Tensor) -> tf.Tensor:
    """Returns the [..., D] vectors of int32 codes.

    Args:
      codes: [..., M], or [..., m]: those of the first stages.
    """
    codes = tf.convert_to_tensor(codes)
    used = self.quantizers[: self._num_stages(codes.shape)]
    # In the order of the forward pass: the same sum to the last bit.
    return sum(self._decode_each(codes, used))

  def _num_stages(self, shape):
    """Returns how many stages have codes of this shape; all if it is none."""
    counts = [len(stage.codebook_sizes) for stage in self.quantizers]
    ends = list(itertools.accumulate(counts))
    last = shape[-1] if shape.rank else None
    return ends.index(last) + 1 if last in ends else len(ends)

  def _kept_stages(self, inputs):
    """Draws how many stages each vector uses: int32 [...]."""
    shape = tf.shape(inputs)[:-1]
    size = tf.shape(inputs)[0] if inputs.shape.rank > 1 else 1
    # As for the batch of all replicas, of which this is one's part.
    parts = replicas.rows(tf.reshape(size, [1]))
    before = tf.reduce_sum(parts[: replicas.index()])
    seed = tf.stack([self.seed, self._steps.assign_add(1)])
    draws = tf.random.stateless_uniform(
      [2, tf.reduce_sum(parts)], seed, alg='philox'
    )[:, before : before + size]
    count = len(self.quantizers)
    first = 1 + tf.cast(draws[1] * count, tf.int32)
    kept = tf.where(draws[0] < self.dropout, tf.minimum(first, count), count)
    # A vector alone has no first axis.
    rank = inputs.shape.rank - 1
    sizes = [size, *[1] * (rank - 1)][:rank]
    return tf.broadcast_to(tf.reshape(kept, sizes), shape)
