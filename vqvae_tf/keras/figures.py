"""What a model is worth, as Keras metrics: bits/dim, PSNR, codes in use."""

import math
from collections.abc import Sequence

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable('vqvae_tf')
class Figures(keras.metrics.Metric):
  """Bits/dim and what goes with them, of all examples since the last reset.

  The results have the names and the meaning of `vqvae_tf.metrics`, codes under
  the uniform prior: `bits_per_dim`, `pixel_bits_per_dim`, `code_bits_per_dim`,
  `codes_in_use` (0..1), `perplexity`, and `psnr_db` where there are
  reconstructions. Sums are float64 and by example, so that they are exact for a
  whole set, however it is cut into batches.

  Args:
    codebook_sizes: K of each of the M codebooks.
    name: taken for Keras's sake.
    dtype: likewise.
  """

  def __init__(
    self,
    codebook_sizes: Sequence[int],
    name: str = 'figures',
    dtype: str | None = None,
  ):
    del dtype
    super().__init__(name=name, dtype='float64')
    self.codebook_sizes = tuple(codebook_sizes)
    self._pixel_bits = self._sum('pixel_bits')
    self._code_bits = self._sum('code_bits')
    self._dims = self._sum('dims')
    self._squared_error = self._sum('squared_error')
    self._compared = self._sum('compared')
    self._counts = [
      self._sum(f'counts_{m}', (size,))
      for m, size in enumerate(self.codebook_sizes)
    ]

  def _sum(self, name, shape=()):
    return self.add_variable(shape, 'zeros', dtype='float64', name=name)

  def update_state(
    self,
    examples: tf.Tensor,
    pixel_bits: tf.Tensor,
    codes: tf.Tensor,
    reconstructions: tf.Tensor | None = None,
  ) -> None:
    """Adds a batch.

    Args:
      examples: uint8 `[B, ..., C]`.
      pixel_bits: float `[B]`, bits per example.
      codes: int32 `[B, ..., M]`.
      reconstructions: uint8 `[B, ..., C]`, where there are any.
    """
    dims = tf.cast(tf.size(examples), tf.float64)
    self._dims.assign_add(dims)
    self._pixel_bits.assign_add(_total(pixel_bits))
    positions = tf.cast(tf.size(codes[..., 0]), tf.float64)
    bits = sum(math.log2(size) for size in self.codebook_sizes)
    self._code_bits.assign_add(positions * bits)
    for m, counts in enumerate(self._counts):
      flat = tf.reshape(codes[..., m], [-1])
      ones = tf.ones_like(flat, tf.float64)
      found = tf.math.unsorted_segment_sum(ones, flat, counts.shape[0])
      counts.assign_add(found)
    if reconstructions is not None:
      error = tf.cast(examples, tf.int32) - tf.cast(reconstructions, tf.int32)
      self._squared_error.assign_add(_total(error**2))
      self._compared.assign_add(dims)

  def result(self) -> dict[str, tf.Tensor]:
    dims = tf.convert_to_tensor(self._dims)
    pixel_bits = tf.math.divide_no_nan(
      tf.convert_to_tensor(self._pixel_bits), dims
    )
    code_bits = tf.math.divide_no_nan(
      tf.convert_to_tensor(self._code_bits), dims
    )
    counts = [tf.convert_to_tensor(each) for each in self._counts]
    used = tf.cast(tf.concat(counts, 0) > 0, tf.float64)
    mse = tf.math.divide_no_nan(
      tf.convert_to_tensor(self._squared_error),
      tf.convert_to_tensor(self._compared),
    )
    return {
      'bits_per_dim': pixel_bits + code_bits,
      'pixel_bits_per_dim': pixel_bits,
      'code_bits_per_dim': code_bits,
      'codes_in_use': tf.reduce_mean(used),
      'perplexity': tf.reduce_mean([_perplexity(each) for each in counts]),
      'psnr_db': 10 * tf.math.log(255**2 / mse) / math.log(10),
    }

  @property
  def has_reconstructions(self) -> bool:
    """Whether there was something to compare with; known outside of graphs."""
    return float(tf.convert_to_tensor(self._compared)) > 0

  def get_config(self) -> dict:
    return {'name': self.name, 'codebook_sizes': self.codebook_sizes}


def _total(values):
  return tf.reduce_sum(tf.cast(values, tf.float64))


def _perplexity(counts):
  shares = tf.math.divide_no_nan(counts, tf.reduce_sum(counts))
  return tf.exp(-tf.reduce_sum(tf.math.xlogy(shares, shares)))
