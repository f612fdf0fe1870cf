"""What every quantizer offers to a model."""

import abc
import math
from collections.abc import Callable
from typing import Any, NamedTuple

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
      NaN if a vector that counts is not finite.
    codes: int32 [..., M], one code of each of the M codebooks; any codes for
      a vector that is not finite.
    finite: bool [...], which vectors are finite or have weight zero. The others
      move no codebook (those of a `ProductQuantizer`: of the parts that are not
      finite).
  """

  vectors: tf.Tensor
  loss: tf.Tensor
  codes: tf.Tensor
  finite: tf.Tensor


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


ESTIMATORS = {
  'straight_through': straight_through,
  'rotation': rotation_trick,
}


def as_estimator(estimator: Estimator | str) -> Estimator:
  """Returns an estimator that is given itself or by its name.

  Raises:
    ValueError: if there is none of that name.
    TypeError: if it is neither.
  """
  if isinstance(estimator, str):
    if estimator in ESTIMATORS:
      return ESTIMATORS[estimator]
    raise ValueError(
      f'estimator must be one of {", ".join(ESTIMATORS)}, not {estimator!r}.'
    )
  if not callable(estimator):
    raise TypeError(
      f'estimator must be one of {", ".join(ESTIMATORS)} or a function, not '
      f'{estimator!r}.'
    )
  return estimator


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


def weighted_mean(values: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
  """Returns the mean over the elements of all vectors that count.

  sum_nd w_n v_nd / (D sum_n w_n), the sum of the weights in the denominator
  averaged over the replicas: the mean over replicas of what this returns is
  the weighted mean over their whole batch.

  Args:
    values: [..., D] floating.
    weights: w, [...] in the same dtype, or None: all one.

  Returns:
    Scalar; 0 if no vector counts or there is none.
  """
  if weights is None:
    mean = tf.reduce_mean(values)
    if values.shape.num_elements():
      return mean
    # A replica gets no vector where a batch is shorter than there are replicas.
    return tf.where(tf.size(values) > 0, mean, tf.zeros_like(mean))
  mass = replicas.total(tf.reduce_sum(weights)) / replicas.count()
  means = tf.reduce_mean(values, -1)
  return tf.math.divide_no_nan(tf.reduce_sum(weights * means), mass)


def nan_unless(finite: tf.Tensor, loss: tf.Tensor) -> tf.Tensor:
  """Returns the loss, or NaN unless all of `finite` are true: scalar."""
  # Added, so that the gradient is the same to the bit.
  zero, nan = (tf.constant(x, loss.dtype) for x in (0.0, math.nan))
  return loss + tf.where(tf.reduce_all(finite), zero, nan)


def as_told(is_training: bool | tf.Tensor, step: Callable[[bool], Any]) -> Any:
  """Returns `step(is_training)`, which takes a bool.

  Args:
    is_training: a bool, or a tensor that knows better when the graph runs.
    step: returns the same structure and shapes for both.

  Raises:
    ValueError: if it is a tensor of a graph in one of several replicas: they
      cannot exchange anything in a branch.
  """
  if not tf.is_tensor(is_training):
    return step(bool(is_training))
  known = tf.get_static_value(tf.convert_to_tensor(is_training))
  if known is not None:
    return step(bool(known))
  if replicas.count() > 1:
    raise ValueError(
      'is_training is a tensor, but in one of several replicas it must be True '
      'or False: trace a tf.function for each.'
    )
  return tf.cond(is_training, lambda: step(True), lambda: step(False))


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
    is_training: bool | tf.Tensor,
    weights: tf.Tensor | None = None,
  ) -> Quantized:
    """Quantizes [..., D] vectors; in training the codebook may move.

    Args:
      inputs: [..., D] floating.
      is_training: whether this step's statistics move the codebook: bool, or
        a bool scalar tensor.
      weights: [...] bool or floating, at least 0: what each vector counts in
        the loss and in the statistics. A vector of weight 0 (padding, say)
        moves nothing. None counts each once.
    """

  @abc.abstractmethod
  def encode(self, inputs: tf.Tensor) -> tf.Tensor:
    """Returns the int32 [..., M] codes of [..., D] vectors.

    Raises:
      ValueError: if a vector is not finite. A graph cannot: it gives such a
        vector any codes (`forward` says which ones are finite).
    """

  @abc.abstractmethod
  def decode(self, codes: tf.Tensor) -> tf.Tensor:
    """Returns the [..., D] vectors of int32 [..., M] codes."""
