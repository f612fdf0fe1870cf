"""Vectors and their weights as they come in: checked, in full precision."""

import tensorflow as tf

_HALVES = (tf.float16, tf.bfloat16)


def as_vectors(
  inputs: tf.Tensor, embedding_dim: int, dtype: tf.DType | None = None
) -> tf.Tensor:
  """Returns vectors as a tensor.

  Args:
    inputs: [..., D] floating.
    embedding_dim: D.
    dtype: of the codebook, which takes float16 and bfloat16 too; None: any.

  Raises:
    ValueError: if they are ragged or of another dtype or last dimension.
  """
  if isinstance(inputs, tf.RaggedTensor):
    raise ValueError(
      'inputs are ragged: give inputs.to_tensor(), and as weights (of a Keras '
      'layer, as mask) tf.sequence_mask(inputs.row_lengths()).'
    )
  inputs = tf.convert_to_tensor(inputs)
  name = inputs.dtype.name
  if dtype and inputs.dtype not in (dtype, *_HALVES):
    raise ValueError(
      f'inputs are {name}, but the codebook is {dtype.name}: cast them to '
      f'{dtype.name} (float16 and bfloat16 are taken too).'
    )
  if not inputs.dtype.is_floating:
    raise ValueError(f'inputs are {name}: cast them to float32.')
  last = inputs.shape[-1] if inputs.shape.rank != 0 else 'none'
  if last not in (None, embedding_dim):
    raise ValueError(
      f'inputs have last dimension {last}, but embedding_dim '
      f'is {embedding_dim}.'
    )
  return inputs


def full_precision(
  inputs: tf.Tensor, weights: tf.Tensor | None, dtype: tf.DType | None = None
) -> tuple[tf.Tensor, tf.Tensor | None]:
  """Takes vectors and weights to the dtype in which they are quantized.

  Args:
    inputs: [..., D] floating.
    weights: [...] bool or floating, at least 0, or None.
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
    dtype = tf.float32 if inputs.dtype in _HALVES else inputs.dtype
  values = tf.cast(inputs, dtype)
  if weights is None:
    return values, None
  weights = tf.cast(_as_weights(weights, inputs), dtype)
  kept = (weights[..., tf.newaxis] > 0) | tf.math.is_finite(values)
  return tf.where(kept, values, tf.zeros_like(values)), weights


def _as_weights(weights, inputs):
  if isinstance(weights, tf.RaggedTensor):
    raise ValueError('weights are ragged: give weights.to_tensor().')
  weights = tf.convert_to_tensor(weights)
  if not weights.shape.is_compatible_with(inputs.shape[:-1]):
    raise ValueError(
      f'weights have shape {weights.shape}, but the vectors are '
      f'{inputs.shape[:-1]}: give one weight per vector.'
    )
  return weights


def are_finite(
  vectors: tf.Tensor, weights: tf.Tensor | None = None
) -> tf.Tensor:
  """Returns which of [..., D] vectors, and their weights, are finite: [...].

  That is, of which the sum is finite: less than half the time of a look at each
  element, and different only where elements near the largest float add
  up to more.
  """
  finite = tf.math.is_finite(tf.reduce_sum(vectors, -1))
  return finite if weights is None else finite & tf.math.is_finite(weights)


def check_finite(vectors: tf.Tensor) -> None:
  """Refuses vectors that have no code, outside of a graph.

  Raises:
    ValueError: if not all are finite.
  """
  if not tf.executing_eagerly():
    return
  finite = are_finite(vectors)
  if not tf.reduce_all(finite):
    bad = tf.math.count_nonzero(~finite).numpy()
    raise ValueError(
      'vectors that are not finite have no code: '
      f'{bad} of {tf.size(finite).numpy()} are not.'
    )
