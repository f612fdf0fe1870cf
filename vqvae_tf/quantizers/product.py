"""Product quantizer: a code of its own for each part of a vector."""

from collections.abc import Sequence

import tensorflow as tf

from vqvae_tf.quantizers import incoming, quantizer
from vqvae_tf.quantizers.composite import Composite


class ProductQuantizer(Composite):
  """Cuts a vector into parts and quantizes each with a codebook of its own.

      z_q(x) = [q_1(x_1), ..., q_M(x_M)] for x = [x_1, ..., x_M]
      loss = sum_m (D_m / D) loss_m: a mean over all elements, as one codebook's

  M codebooks of K codes tell K^M vectors apart at the cost of M K: the way to
  many bits per position. The paper's 8x8x10 codes are 10 parts on an 8x8 grid.

  Args:
    quantizers: one per part; D is the sum of their dimensions D_m.
    name: of the module.

  Raises:
    ValueError: if there is no quantizer.
    TypeError: if one of them is none.

  Examples:
    >>> parts = [vqvae_tf.LookupFreeQuantizer(2) for _ in range(2)]
    >>> quantizer = vqvae_tf.ProductQuantizer(parts)
    >>> quantizer.encode(tf.constant([[0.5, -1.0, 2.0, 3.0]])).numpy()
    array([[1, 3]], dtype=int32)
    >>> quantizer.codebook_sizes, quantizer.bits_per_position
    ((4, 4), 4.0)

  References:
    Jegou et al., Product Quantization for Nearest Neighbor Search, 2011.
  """

  def __init__(
    self,
    quantizers: Sequence[quantizer.Quantizer],
    name: str = 'product_quantizer',
  ):
    super().__init__(quantizers, name)
    self._dims = [part.embedding_dim for part in self.quantizers]
    self.embedding_dim = sum(self._dims)

  def forward(
    self,
    inputs: tf.Tensor,
    is_training: bool | tf.Tensor,
    weights: tf.Tensor | None = None,
  ) -> quantizer.Quantized:
    results = [
      part.forward(values, is_training, weights)
      for part, values in self._parts(inputs)
    ]
    losses = [
      result.loss * (dim / self.embedding_dim)
      for result, dim in zip(results, self._dims, strict=True)
    ]
    return quantizer.Quantized(
      tf.concat([result.vectors for result in results], -1),
      tf.add_n(losses),
      tf.concat([result.codes for result in results], -1),
      tf.reduce_all([result.finite for result in results], 0),
    )

  def encode(self, inputs: tf.Tensor) -> tf.Tensor:
    codes = [part.encode(values) for part, values in self._parts(inputs)]
    return tf.concat(codes, -1)

  def decode(self, codes: tf.Tensor) -> tf.Tensor:
    return tf.concat(self._decode_each(codes, self.quantizers), -1)

  def _parts(self, inputs):
    inputs = incoming.as_vectors(inputs, self.embedding_dim)
    parts = tf.split(inputs, self._dims, -1)
    return list(zip(self.quantizers, parts, strict=True))
