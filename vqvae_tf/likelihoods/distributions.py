"""A likelihood's pixels as distributions of TensorFlow Probability."""

from typing import Any

import tensorflow as tf

LEVELS = 256


def distribution(likelihood: Any, params: tf.Tensor) -> Any:
  """Returns p(x | params) of each pixel: see `Likelihood.distribution`.

  A channel has 256 values, so its distribution is a table of their masses. That
  is exact where `tfd.QuantizedDistribution` is not: a difference of two
  cumulative probabilities loses its digits far from the location.

  Args:
    likelihood: one that is not autoregressive.
    params: float32 `[B, ..., P]`, checked.
  """
  # It takes seconds to load, and training needs none of it.
  import tensorflow_probability as tfp

  def given(values):
    """The distribution of each channel, given the earlier ones in `values`."""
    logits = _tables(likelihood, params, tf.cast(values, tf.uint8))
    return tfp.distributions.Independent(
      tfp.distributions.Categorical(logits, dtype=tf.int32), 1
    )

  shape = tf.concat([tf.shape(params)[:-1], [likelihood.channels]], 0)
  black = tf.zeros(shape, tf.int32)
  if not likelihood.has_conditioned_channels:
    return given(black)
  return tfp.distributions.Autoregressive(given, black, likelihood.channels)


def _tables(likelihood, params, values):
  """Returns log-masses up to a factor: float32 `[..., C, 256]`.

  Args:
    likelihood: as above.
    params: float32 `[B, ..., P]`.
    values: uint8 `[samples..., B, ..., C]`.
  """
  shape = tf.shape(values)[:-1]
  params = tf.broadcast_to(params, tf.concat([shape, [params.shape[-1]]], 0))
  # As one long row of pixels.
  rows = (
    tf.reshape(tensor, [1, -1, tensor.shape[-1]]) for tensor in (params, values)
  )
  tables = likelihood.log_masses(*rows)
  return tf.reshape(tables, tf.concat([shape, tables.shape[-2:]], 0))
