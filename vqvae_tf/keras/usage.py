"""How many of the codes are in use, as a Keras metric."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from vqvae_tf.quantizers import codebook


@keras.saving.register_keras_serializable('vqvae_tf')
class CodeUsage(keras.metrics.Metric):
  """Perplexity and usage of the codes, and vectors without one.

  They are of all since the last reset: in `fit` one epoch, in `evaluate` the
  whole data set.
  perplexity = exp(-sum_k p_k log p_k), p_k the share of code k, in 1..K, the
  mean over codebooks; usage = codes that occurred / all codes, in 0..1;
  not_finite = how many vectors were not finite: their codes count nowhere.

  Args:
    codebook_sizes: K of each of the M codebooks.
    name: of the metric; the results are `NAME_perplexity`, `NAME_usage` and
      `NAME_not_finite`.
    dtype: taken for Keras's sake; counts are float32.
  """

  def __init__(
    self,
    codebook_sizes: Sequence[int],
    name: str = 'codes',
    dtype: str | None = None,
  ):
    del dtype  # bfloat16 cannot count beyond 256.
    super().__init__(name=name, dtype='float32')
    self.codebook_sizes = tuple(codebook_sizes)
    self.counts = [
      self.add_variable((size,), 'zeros', dtype='float32', name=f'counts_{m}')
      for m, size in enumerate(self.codebook_sizes)
    ]

    self.not_finite = self.add_variable(
      (), 'zeros', dtype='float32', name='not_finite'
    )

  def update_state(
    self,
    codes: tf.Tensor,
    sample_weight: tf.Tensor | None = None,
    finite: tf.Tensor | None = None,
  ) -> None:
    """Counts codes.

    Args:
      codes: int32 [..., M].
      sample_weight: [...] bool or floating, for how much each counts; None: 1.
      finite: bool [...], which of them are codes of finite vectors; None: all.
    """
    if sample_weight is not None:
      sample_weight = tf.reshape(tf.cast(sample_weight, tf.float32), [-1])
    if finite is not None:
      self.not_finite.assign_add(
        tf.reduce_sum(1.0 - tf.cast(finite, tf.float32))
      )
      # A sum by code leaves -1 out.
      codes = tf.where(tf.expand_dims(finite, -1), codes, -1)
    columns = tf.unstack(tf.reshape(codes, [-1, len(self.counts)]), axis=1)
    for counts, column in zip(self.counts, columns, strict=True):
      counts.assign_add(
        codebook.code_counts(column, counts.shape[0], tf.float32, sample_weight)
      )

  def result(self) -> dict[str, tf.Tensor]:
    counts = [tf.convert_to_tensor(each) for each in self.counts]
    perplexities = [codebook.perplexity(each) for each in counts]
    used = tf.cast(tf.concat(counts, 0) > 0, tf.float32)
    return {
      f'{self.name}_perplexity': tf.reduce_mean(perplexities),
      f'{self.name}_usage': tf.reduce_mean(used),
      f'{self.name}_not_finite': tf.convert_to_tensor(self.not_finite),
    }

  def get_config(self) -> dict[str, Any]:
    return {**super().get_config(), 'codebook_sizes': self.codebook_sizes}
