"""Muon: steps along orthogonalized momentum, for the matrices of a model."""

import math
from collections.abc import Sequence

import sonnet as snt
import tensorflow as tf

from vqvae_tf.optimizers.adam import Adam

_MOMENTUM = 0.95
# Of X <- a X + b (X X^T) X + c (X X^T)^2 X. Five rounds take singular values
# from 0.01 to 1 into [0.7, 1.2]: near 1, which is all that a step needs.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ROUNDS = 5
# Root mean square of a step in units of the rate, as Adam's steps have.
_STEP_SIZE = 0.2


class Muon(snt.Module):
  """Momentum orthogonalized by a Newton-Schulz iteration; Adam for the rest.

  m = mu m + (1 - mu) g,  u = mu m + (1 - mu) g
  W = W - rate 0.2 sqrt(max(rows, columns)) U V^T,  u = U S V^T

  with mu = 0.95, about: the singular values of what stands for U V^T are within
  0.7 and 1.2. A matrix is a variable with all axes but the last in its rows, so
  a kernel of a convolution is one. The factor gives a step the size of Adam's,
  whose learning rates therefore serve here. Replicas that give the same
  gradients stay the same.

  Args:
    parameters: the variables that `apply` will move.
    matrices: those of them, of rank 2 or more, that Muon moves. Adam moves the
      others: biases, and codebooks and other tables, whose rows have nothing to
      do with each other.

  References:
    Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024
    (https://kellerjordan.github.io/posts/muon); the factor: Liu et al., Muon is
    Scalable for LLM Training, 2025 (https://arxiv.org/abs/2502.16982).
  """

  def __init__(
    self,
    parameters: Sequence[tf.Variable],
    matrices: Sequence[tf.Variable],
    name: str = 'muon',
  ):
    super().__init__(name=name)
    chosen = {id(matrix) for matrix in matrices}
    self._is_matrix = [id(parameter) in chosen for parameter in parameters]
    matrices, others = self._split(parameters)
    self.momenta = [
      tf.Variable(tf.zeros_like(matrix), trainable=False, name='momentum')
      for matrix in matrices
    ]
    self.adam = Adam(others)

  @property
  def step(self) -> tf.Variable:
    """Steps taken, int64 scalar."""
    return self.adam.step

  def apply(
    self,
    gradients: Sequence[tf.Tensor],
    parameters: Sequence[tf.Variable],
    rate: tf.Tensor,
    where: tf.Tensor | bool = True,
  ) -> None:
    """Takes a step, or leaves everything as it is: see `Adam.apply`."""
    matrices, others = self._split(parameters)
    matrix_gradients, other_gradients = self._split(gradients)
    self.adam.apply(other_gradients, others, rate, where)
    for g, x, m in zip(matrix_gradients, matrices, self.momenta, strict=True):
      new_m = _MOMENTUM * m + (1 - _MOMENTUM) * g
      matrix = _as_matrix(_MOMENTUM * new_m + (1 - _MOMENTUM) * g)
      size = _STEP_SIZE * math.sqrt(max(matrix.shape))
      update = tf.cast(rate, g.dtype) * size * orthogonalized(matrix)
      update = tf.reshape(update, x.shape)
      x.assign_sub(tf.where(where, update, tf.zeros_like(update)))
      m.assign(tf.where(where, new_m, m))

  def _split(self, values):
    """Returns those of the matrices and those of the others."""
    pairs = list(zip(values, self._is_matrix, strict=True))
    return [v for v, is_matrix in pairs if is_matrix], [
      v for v, is_matrix in pairs if not is_matrix
    ]


def orthogonalized(matrix: tf.Tensor) -> tf.Tensor:
  """Returns U V^T of `matrix` = U S V^T, up to singular values near 1.

  Args:
    matrix: float `[rows, columns]`. The iteration starts at its quotient by
      its Frobenius norm; singular values under a hundredth of that norm come
      out smaller than 0.7, and a zero matrix stays zero.
  """
  # Squares underflow in a vanishing matrix, and the iteration diverges from a
  # norm above 1: what is smaller than this stays small.
  x = matrix / (tf.norm(matrix) + 1e-12)
  is_high = matrix.shape[0] > matrix.shape[1]
  # The products below are of the short side.
  x = tf.transpose(x) if is_high else x
  for _ in range(_ROUNDS):
    square = tf.matmul(x, x, transpose_b=True)
    x = _A * x + tf.matmul(_B * square + _C * tf.matmul(square, square), x)
  return tf.transpose(x) if is_high else x


def _as_matrix(tensor):
  return tf.reshape(tensor, [-1, tensor.shape[-1]])
