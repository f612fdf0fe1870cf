"""Finite scalar quantization: rounds each dimension to a few levels."""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from vqvae_tf.codes import checked_codes
from vqvae_tf.quantizers import arguments, incoming, quantizer

# Keeps the outermost levels reachable: tanh never gets to 1.
_MARGIN = 1e-3


class FiniteScalarQuantizer(quantizer.Quantizer):
  """Bounds each dimension and rounds it to one of L_i levels; learns nothing.

      f(z) = (L - 1) / 2 (1 + 0.001) tanh(z + s) - o,  s such that f(0) = 0,
      o = 1/2 for even L, else 0;  z_q = round(f(z)) / floor(L / 2), in [-1, 1]
      loss = 0

  The codebook is the grid of all combinations, K = L_1 L_2 ... L_D, of which
  the first dimension varies fastest. There are no dead codes to begin with.

  Args:
    levels: L_i for each of the D dimensions, at least 3 (`LookupFreeQuantizer`
      has two). The paper recommends at least 5, few dimensions, and e.g.
      [8, 6, 5] for about 2^8 codes, [8, 5, 5, 5] for 2^10, [7, 5, 5, 5, 5] for
      2^12, [8, 8, 8, 6, 5] for 2^14.
    name: of the module.

  Raises:
    ValueError: if there is no level, one is below 3, or K exceeds 2^31 - 1.
    TypeError: if a level is no whole number.

  Examples:
    >>> quantizer = vqvae_tf.FiniteScalarQuantizer([3, 3])
    >>> codes = quantizer.encode(tf.constant([[0.0, 5.0]]))
    >>> codes.numpy(), quantizer.decode(codes).numpy()
    (array([[7]], dtype=int32), array([[0., 1.]], dtype=float32))

  References:
    Mentzer et al., Finite Scalar Quantization: VQ-VAE Made Simple, 2023,
    section 3 (https://arxiv.org/abs/2309.15505).
  """

  def __init__(
    self, levels: Sequence[int], name: str = 'finite_scalar_quantizer'
  ):
    super().__init__(name=name)
    levels = tuple(
      arguments.whole(f'levels[{i}]', level, 0)
      for i, level in enumerate(arguments.several('levels', levels))
    )
    if not levels or min(levels) < 3 or math.prod(levels) >= 2**31:
      raise ValueError(
        'levels must be one or more numbers from 3 on with a product below '
        f'2^31, not {list(levels)}.'
      )
    self.levels = levels
    self.embedding_dim = len(levels)
    self._steps = np.array(levels, np.int32)
    self._strides = np.cumprod([1, *levels[:-1]]).astype(np.int32)

  @property
  def codebook_sizes(self) -> tuple[int, ...]:
    return (math.prod(self.levels),)

  def forward(
    self,
    inputs: tf.Tensor,
    is_training: bool | tf.Tensor,
    weights: tf.Tensor | None = None,
  ) -> quantizer.Quantized:
    inputs = incoming.as_vectors(inputs, self.embedding_dim)
    values, weights = incoming.full_precision(inputs, weights)
    finite = incoming.are_finite(values, weights)
    bounded = self._bounded(values)
    places = self._places(bounded)
    path = bounded / (self._steps // 2).astype(bounded.dtype.as_numpy_dtype)
    return quantizer.Quantized(
      quantizer.with_gradient_of(path, self._vectors(places), inputs),
      quantizer.nan_unless(finite, tf.zeros([], values.dtype)),
      self._codes(places),
      finite,
    )

  def encode(self, inputs: tf.Tensor) -> tf.Tensor:
    inputs = incoming.as_vectors(inputs, self.embedding_dim)
    incoming.check_finite(inputs)
    values, _ = incoming.full_precision(inputs, None)
    return self._codes(self._places(self._bounded(values)))

  def decode(self, codes: tf.Tensor) -> tf.Tensor:
    codes = checked_codes(codes, self.codebook_sizes)
    return self._vectors(codes // self._strides % self._steps)

  def _bounded(self, values):
    """Returns f(z), [..., D]."""
    reach = (self._steps - 1) * (1 + _MARGIN) / 2
    offset = np.where(self._steps % 2, 0.0, 0.5)
    dtype = values.dtype.as_numpy_dtype
    shift = np.arctanh(offset / reach).astype(dtype)
    return tf.tanh(values + shift) * reach.astype(dtype) - offset.astype(dtype)

  def _places(self, bounded):
    """Returns the level of each dimension, int32 [..., D] in [0, L)."""
    places = tf.cast(tf.round(bounded), tf.int32) + self._steps // 2
    # A NaN becomes some integer.
    return tf.clip_by_value(places, 0, self._steps - 1)

  def _codes(self, places):
    return tf.reduce_sum(places * self._strides, -1, keepdims=True)

  def _vectors(self, places):
    # Always float32, whatever the inputs are: codes do not tell their dtype.
    half = self._steps // 2
    return tf.cast(places - half, tf.float32) / half.astype(np.float32)
