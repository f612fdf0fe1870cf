"""Cosine-similarity codes: directions in a space of few dimensions."""

import sonnet as snt
import tensorflow as tf

from vqvae_tf.quantizers import arguments, codebook, incoming, quantizer
from vqvae_tf.quantizers.vector_quantizer import VectorQuantizerEMA

ALIVE = codebook.CodebookPolicy('kmeans++', 'restart')


class CosineQuantizer(quantizer.Quantizer):
  """Projects to few dimensions and looks up the code of nearest direction.

      u = A x / |A x|, k = argmax_j u . e_j with |e_j| = 1, z_q = B e_k + b
      loss = beta mean (u - sg[e_k])^2

  In few dimensions, and on the sphere, more of a large codebook is found by
  some vector. The codes follow averages, as in `VectorQuantizerEMA`, and are
  scaled to length one. Inputs are float32, float16 or bfloat16.

  Args:
    embedding_dim: D, the last dimension of inputs and outputs.
    num_embeddings: K, the number of codes.
    projection_dim: d, of the codes.
    commitment_cost: beta.
    decay: of the averages, in [0, 1).
    policy: where the codebook starts and what becomes of unused codes; not
      'sonnet', whose unused codes become zero and have no direction.
    estimator: of the gradient: `straight_through` or `rotation_trick`.
    name: of the module.

  Raises:
    ValueError: if a number is out of range or the policy keeps no directions.
    TypeError: if an argument is of another kind.

  Examples:
    >>> quantizer = vqvae_tf.CosineQuantizer(16, 32, projection_dim=4)
    >>> vectors = tf.random.normal([5, 16])
    >>> codes = quantizer.encode(vectors)
    >>> bool(tf.reduce_all(codes == quantizer.encode(3 * vectors)))
    True

  References:
    Yu et al., Vector-quantized Image Modeling with Improved VQGAN, 2021,
    section 3.2 (https://arxiv.org/abs/2110.04627).
  """

  def __init__(
    self,
    embedding_dim: int,
    num_embeddings: int,
    projection_dim: int = 8,
    commitment_cost: float = 0.25,
    decay: float = 0.99,
    *,
    policy: codebook.CodebookPolicy = ALIVE,
    estimator: quantizer.Estimator | str = quantizer.straight_through,
    name: str = 'cosine_quantizer',
  ):
    super().__init__(name=name)
    codebook.check_policy(policy)
    if policy.unused_codes == 'sonnet':
      raise ValueError(
        "unused_codes='sonnet' makes zeros of unused codes, which have no "
        "direction: use 'keep' or 'restart'."
      )
    self.embedding_dim = arguments.whole('embedding_dim', embedding_dim)
    self.codebook = _DirectionsEMA(
      arguments.whole('projection_dim', projection_dim),
      num_embeddings,
      commitment_cost,
      decay,
      policy=policy,
      estimator=estimator,
    )
    self._project = snt.Linear(projection_dim, with_bias=False, name='project')
    self._restore = snt.Linear(embedding_dim, name='restore')
    # Creates the variables.
    self._restore(self._project(tf.zeros([1, embedding_dim])))

  @property
  def codebook_sizes(self) -> tuple[int, ...]:
    return self.codebook.codebook_sizes

  @property
  def codebooks(self) -> list[tf.Variable]:
    return self.codebook.codebooks

  @property
  def learns_from_vectors(self) -> bool:
    return True

  def forward(
    self,
    inputs: tf.Tensor,
    is_training: bool | tf.Tensor,
    weights: tf.Tensor | None = None,
  ) -> quantizer.Quantized:
    inputs = self._as_vectors(inputs)
    values, weights = incoming.full_precision(inputs, weights)
    result = self.codebook.forward(
      self._directions(values), is_training, weights
    )
    vectors = _each(self._restore, result.vectors)
    return result._replace(vectors=tf.cast(vectors, inputs.dtype))

  def encode(self, inputs: tf.Tensor) -> tf.Tensor:
    values, _ = incoming.full_precision(self._as_vectors(inputs), None)
    return self.codebook.encode(self._directions(values))

  def decode(self, codes: tf.Tensor) -> tf.Tensor:
    return _each(self._restore, self.codebook.decode(codes))

  def _as_vectors(self, inputs):
    return incoming.as_vectors(inputs, self.embedding_dim, tf.float32)

  def _directions(self, values):
    return tf.math.l2_normalize(_each(self._project, values), -1)


class _DirectionsEMA(VectorQuantizerEMA):
  """A codebook of unit vectors: the nearest is the one of largest cosine."""

  def __init__(self, *args, **kwargs):
    super().__init__(*args, **kwargs)
    self._place(self.embeddings)

  def _place(self, embeddings):
    super()._place(tf.math.l2_normalize(embeddings, 0))


def _each(linear, values):
  """Applies a linear module to the last dimension of [..., D] values."""
  # The weights know a dimension that a graph may not know.
  outputs = linear(tf.reshape(values, [-1, linear.w.shape[0]]))
  shape = tf.concat([tf.shape(values)[:-1], [outputs.shape[-1]]], 0)
  return tf.ensure_shape(
    tf.reshape(outputs, shape), [*values.shape[:-1], outputs.shape[-1]]
  )
