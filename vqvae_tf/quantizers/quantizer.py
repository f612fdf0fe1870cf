"""What every quantizer offers to a model."""

import abc
from collections.abc import Callable
from typing import NamedTuple

import sonnet as snt
import tensorflow as tf

from vqvae_tf import replicas
from vqvae_tf.codes import bits_per_position

# A gradient estimator: takes z_e(x) and z_q(x) to z_q(x) with a gradient.
Estimator = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Quantized(NamedTuple):
  """The result of a forward pass through a quantizer.

  Attributes:
    vectors: [..., D], the inputs' dtype: the quantized vectors, with an
      estimated gradient to the inputs (straight-through, by default).
    loss: float scalar, the term to add to the training loss (squared
      distances, mean over all elements; no unit of information).
    codes: int32 [..., M], one code of each of the M codebooks.
  """

  vectors: tf.Tensor
  loss: tf.Tensor
  codes: tf.Tensor


def straight_through(inputs: tf.Tensor, quantized: tf.Tensor) -> tf.Tensor:
  """Returns the quantized vectors with the gradient of the identity.

  z_q + (z_e - sg[z_e]): written in this order the value is z_q to the last
  bit, which z_e + sg[z_q - z_e] is not.

  Args:
    inputs: [..., D] floating, the encoder's z_e(x).
    quantized: [..., D] floating, the codebook vectors z_q(x).

  Returns:
    [..., D] in the dtype of `inputs`. No gradient reaches `quantized`.

  Examples:
    >>> vectors = tf.Variable([0.2, 0.9])
    >>> with tf.GradientTape() as tape:
    ...   result = vqvae_tf.straight_through(vectors, tf.round(vectors))
    >>> result.numpy(), tape.gradient(result, vectors).numpy()
    (array([0., 1.], dtype=float32), array([1., 1.], dtype=float32))

  References:
    van den Oord et al., Neural Discrete Representation Learning, 2017,
    section 3.2 (https://arxiv.org/abs/1711.00937).
  """
  return with_gradient_of(inputs, quantized, inputs)


def rotation_trick(inputs: tf.Tensor, quantized: tf.Tensor) -> tf.Tensor:
  """Returns the quantized vectors with the gradient of a rotation.

  z_q = sg[|q| / |e| R] e for e = z_e and q = z_q, where R rotates e to q in
  the plane of both: R e = e - 2 (r . e) r + 2 (e^ . e) q^, with e^ = e / |e|,
  q^ = q / |q| and r the direction of e^ + q^. The gradient turns with the
  vector and keeps its angle to it, where `straight_through` shifts it.

  Args:
    inputs: [..., D] floating, the encoder's z_e(x). A vector of zeros gets no
      gradient.
    quantized: [..., D] floating, the codebook vectors z_q(x).

  Returns:
    [..., D] in the dtype of `inputs`. No gradient reaches `quantized`.

  Examples:
    >>> vectors, codes = tf.constant([[3.0, 0.0]]), tf.constant([[0.0, 2.0]])
    >>> np.allclose(vqvae_tf.rotation_trick(vectors, codes), codes, atol=1e-6)
    True

  References:
    Fifty et al., Restructuring Vector Quantization with the Rotation Trick,
    2024, section 4 (https://arxiv.org/abs/2410.06424).
  """
  e = tf.cast(inputs, quantized.dtype)
  norm_e = tf.norm(tf.stop_gradient(e), axis=-1, keepdims=True)
  norm_q = tf.norm(tf.stop_gradient(quantized), axis=-1, keepdims=True)
  unit_e = tf.math.divide_no_nan(tf.stop_gradient(e), norm_e)
  unit_q = tf.math.divide_no_nan(tf.stop_gradient(quantized), norm_q)
  middle = unit_e + unit_q
  r = tf.math.divide_no_nan(middle, tf.norm(middle, axis=-1, keepdims=True))
  rotated = (
    e
    - 2.0 * tf.reduce_sum(r * e, -1, keepdims=True) * r
    + 2.0 * tf.reduce_sum(unit_e * e, -1, keepdims=True) * unit_q
  )
  scaled = tf.math.divide_no_nan(norm_q, norm_e) * rotated
  return with_gradient_of(scaled, quantized, inputs)


def with_gradient_of(
  path: tf.Tensor, quantized: tf.Tensor, inputs: tf.Tensor
) -> tf.Tensor:
  """Returns the value of `quantized` with the gradient of `path`.

  sg[z_q] + (path - sg[path]): in this order the value is z_q to the last bit.

  Args:
    path: [..., D] floating.
    quantized: [..., D] floating.
    inputs: of the dtype that is wanted.

  Returns:
    [..., D] in the dtype of `inputs`. No gradient reaches `quantized`.
  """
  value = tf.cast(tf.stop_gradient(quantized), inputs.dtype)
  return value + tf.cast(path - tf.stop_gradient(path), inputs.dtype)


def check_last_dimension(inputs: tf.Tensor, embedding_dim: int) -> None:
  """Checks that vectors [..., D] have as many dimensions as embeddings.

  Raises:
    ValueError: if they have not.
  """
  last = inputs.shape[-1] if inputs.shape.rank != 0 else 'none'
  if last not in (None, embedding_dim):
    raise ValueError(
      f'inputs have last dimension {last}, but embedding_dim '
      f'is {embedding_dim}.'
    )


def vector_weights(
  inputs: tf.Tensor, weights: tf.Tensor | None
) -> tf.Tensor | None:
  """Returns what each vector counts; None if that is one for all.

  A float16 vector that overflowed counts nothing: the step is left out then,
  but the codebook moves before that is known.

  Args:
    inputs: [..., D] floating.
    weights: [...] bool or floating, at least 0, or None.

  Returns:
    [...] float32 or the floating dtype of `weights`, or None.

  Raises:
    ValueError: if the shapes do not fit.
  """
  if weights is not None:
    weights = tf.convert_to_tensor(weights)
    if not weights.shape.is_compatible_with(inputs.shape[:-1]):
      raise ValueError(
        f'weights have shape {weights.shape}, but the vectors are '
        f'{inputs.shape[:-1]}: give one weight per vector.'
      )
    if not weights.dtype.is_floating:
      weights = tf.cast(weights, tf.float32)
  if inputs.dtype == tf.float16:
    finite = tf.reduce_all(tf.math.is_finite(inputs), -1)
    if weights is None:
      return tf.cast(finite, tf.float32)
    weights = tf.where(finite, weights, 0.0)
  return weights


def full_precision(
  inputs: tf.Tensor, weights: tf.Tensor | None, dtype: tf.DType | None = None
) -> tuple[tf.Tensor, tf.Tensor | None]:
  """Takes vectors and weights to the dtype in which they are quantized.

  Args:
    inputs: [..., D] floating.
    weights: as in `vector_weights`.
    dtype: the dtype; None: that of the inputs, and float32 for float16 and
      bfloat16.

  Returns:
    [..., D], the vectors, with zeros for what is not finite in those of weight
    zero: zero times infinity would be no zero; and [...], what each counts, or
    None if that is one.

  Raises:
    ValueError: if the shapes do not fit.
  """
  if dtype is None:
    halves = (tf.float16, tf.bfloat16)
    dtype = tf.float32 if inputs.dtype in halves else inputs.dtype
  weights = vector_weights(inputs, weights)
  values = tf.cast(inputs, dtype)
  if weights is None:
    return values, None
  weights = tf.cast(weights, dtype)
  kept = (weights[..., tf.newaxis] > 0) | tf.math.is_finite(values)
  return tf.where(kept, values, tf.zeros_like(values)), weights


def weighted_mean(values: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
  """Returns the mean over the elements of all vectors that count.

  sum_nd w_n v_nd / (D sum_n w_n), the sum of the weights in the denominator
  averaged over the replicas: the mean over replicas of what this returns is
  the weighted mean over their whole batch.

  Args:
    values: [..., D] floating.
    weights: w, [...] in the same dtype, or None: all one.

  Returns:
    Scalar; 0 if no vector counts.
  """
  if weights is None:
    return tf.reduce_mean(values)
  mass = replicas.total(tf.reduce_sum(weights)) / replicas.count()
  means = tf.reduce_mean(values, -1)
  return tf.math.divide_no_nan(tf.reduce_sum(weights * means), mass)


@snt.allow_empty_variables
class Quantizer(snt.Module, abc.ABC):
  """Turns float vectors into integer codes and codes into vectors.

  Subclasses define the attribute `embedding_dim` (D) and the abstract members
  below; one with a codebook or with other weights of its own overrides
  `codebooks` or `learns_from_vectors`.
  """

  embedding_dim: int

  @property
  @abc.abstractmethod
  def codebook_sizes(self) -> tuple[int, ...]:
    """The number of codes of each of the M codebooks."""

  @property
  def codebooks(self) -> list[tf.Variable]:
    """The codebooks that training moves, `[D, K]` each; none if all is fixed.

    A column is a code, which may be placed anew in any step: what optimizers do
    to weights (averages, matrices) does not suit them.
    """
    return []

  @property
  def learns_from_vectors(self) -> bool:
    """Whether weights learn by the gradient of `forward`'s vectors."""
    return False

  @property
  def bits_per_position(self) -> float:
    """Bits of one position's codes under the uniform prior: sum log2 K_m."""
    return bits_per_position(self.codebook_sizes)

  @abc.abstractmethod
  def forward(
    self,
    inputs: tf.Tensor,
    is_training: bool,
    weights: tf.Tensor | None = None,
  ) -> Quantized:
    """Quantizes [..., D] vectors; in training the codebook may move.

    Args:
      inputs: [..., D] floating.
      is_training: whether this step's statistics move the codebook.
      weights: [...] bool or floating, at least 0: what each vector counts in
        the loss and in the statistics. A vector of weight 0 (padding, say)
        moves nothing. None counts each once.
    """

  @abc.abstractmethod
  def encode(self, inputs: tf.Tensor) -> tf.Tensor:
    """Returns the int32 [..., M] codes of [..., D] vectors."""

  @abc.abstractmethod
  def decode(self, codes: tf.Tensor) -> tf.Tensor:
    """Returns the [..., D] vectors of int32 [..., M] codes."""
