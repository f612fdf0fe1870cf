"""What every quantizer offers to a model."""

import abc
import math
from typing import NamedTuple

import sonnet as snt
import tensorflow as tf


class Quantized(NamedTuple):
  """The result of a forward pass through a quantizer.

  Attributes:
    vectors: [..., D], the inputs' dtype: the quantized vectors, with the
      straight-through gradient to the inputs.
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

  References:
    van den Oord et al., Neural Discrete Representation Learning, 2017,
    section 3.2 (https://arxiv.org/abs/1711.00937).
  """
  value = tf.cast(tf.stop_gradient(quantized), inputs.dtype)
  return value + (inputs - tf.stop_gradient(inputs))


def checked_codes(
  codes: tf.Tensor, codebook_sizes: tuple[int, ...]
) -> tf.Tensor:
  """Returns the codes as int32 after checking that they exist.

  Args:
    codes: integer [..., M], code m in [0, K_m).
    codebook_sizes: K_m of each of the M codebooks.

  Returns:
    int32 [..., M].

  Raises:
    ValueError: if the codes are no integers or their last dimension is not M.
    InvalidArgumentError: if a code is out of range. A function compiled by
      XLA drops this check.
  """
  codes = tf.convert_to_tensor(codes)
  num_codebooks = len(codebook_sizes)
  if not codes.dtype.is_integer:
    raise ValueError(f'codes must be integers, not {codes.dtype.name}.')
  if codes.shape.rank == 0 or codes.shape[-1] not in (None, num_codebooks):
    raise ValueError(
      f'codes of shape {codes.shape} must end in '
      f'{num_codebooks}, the number of codebooks.'
    )
  sizes = tf.constant(codebook_sizes, tf.int64)
  codes = tf.cast(codes, tf.int64)
  in_range = tf.reduce_all((codes >= 0) & (codes < sizes))
  ranges = ', '.join(f'0..{size - 1}' for size in codebook_sizes)
  check = tf.debugging.Assert(
    in_range,
    [f'Codes are out of range: they must be in {ranges}. Codes:', codes],
  )
  # A lookup before the check could fail first, with less to say.
  with tf.control_dependencies([] if tf.executing_eagerly() else [check]):
    return tf.cast(codes, tf.int32)


class Quantizer(snt.Module, abc.ABC):
  """Turns float vectors into integer codes and codes into vectors.

  Subclasses define the attribute `embedding_dim` (D) and the members below.
  """

  embedding_dim: int

  @property
  @abc.abstractmethod
  def codebook_sizes(self) -> tuple[int, ...]:
    """The number of codes of each of the M codebooks."""

  @property
  def bits_per_position(self) -> float:
    """Bits of one position's codes under the uniform prior: sum log2 K_m."""
    return sum(math.log2(size) for size in self.codebook_sizes)

  @abc.abstractmethod
  def forward(self, inputs: tf.Tensor, is_training: bool) -> Quantized:
    """Quantizes [..., D] vectors; in training the codebook may move."""

  @abc.abstractmethod
  def encode(self, inputs: tf.Tensor) -> tf.Tensor:
    """Returns the int32 [..., M] codes of [..., D] vectors."""

  @abc.abstractmethod
  def decode(self, codes: tf.Tensor) -> tf.Tensor:
    """Returns the [..., D] vectors of int32 [..., M] codes."""
