"""Exact nearest-code search at about the cost of its matrix product."""

import tensorflow as tf

# Scores of one block: 4 MB of float32 stay in a CPU's cache between the
# product that writes them and the maximum that reads them.
_CPU_BLOCK = 2**20
# A GPU has the bandwidth but pays for every kernel launch.
_GPU_BLOCK = 2**24
# More codes than this in a block would leave it too few rows for a fast
# product.
_MAX_BLOCK_CODES = 2**13


def nearest_codes(inputs: tf.Tensor, codebook: tf.Tensor) -> tf.Tensor:
  """Returns the index of the nearest code of each vector.

  argmin_k |x - e_k|^2 = argmax_k (x . e_k - |e_k|^2 / 2); of codes at equal
  distance, the lowest index. The term |x|^2, the same for all codes, is left
  out: it would only add rounding.

  The scores are made and searched block by block, so that the memory used
  does not depend on N.

  Args:
    inputs: [N, D], float32 or float64. N may be 0 or unknown. A vector with a
      NaN gets some code in range.
    codebook: [K, D], the dtype of `inputs`, K >= 1, with static K and D.

  Returns:
    int32 [N] in [0, K). No gradient flows through it.

  Raises:
    ValueError: if K or D is unknown while the graph is built, if the codebook
      is empty or the last dimensions differ.

  Examples:
    >>> codebook = tf.constant([[0.0, 0.0], [1.0, 1.0], [3.0, 0.0]])
    >>> nearest_codes(tf.constant([[2.5, 0.1], [0.2, 0.1]]), codebook).numpy()
    array([2, 0], dtype=int32)
  """
  inputs = tf.stop_gradient(tf.convert_to_tensor(inputs))
  codebook = tf.stop_gradient(tf.convert_to_tensor(codebook))
  _check_shapes(inputs, codebook)
  num_codes = codebook.shape[0]
  group = _group_size(num_codes)
  block_codes = _round_up(min(num_codes, _MAX_BLOCK_CODES), group)
  codebook_blocks = _scoring_blocks(codebook, block_codes)
  max_rows = max(1, _block_elements() // block_codes)

  def search(rows):
    scoring = _scoring_inputs(rows)
    best_score, best = _best_of_block(scoring, codebook_blocks[0], group)
    for start in range(1, len(codebook_blocks)):
      score, code = _best_of_block(scoring, codebook_blocks[start], group)
      # Strictly greater: an equal score leaves the lower index in place.
      better = score > best_score
      best_score = tf.where(better, score, best_score)
      best = tf.where(better, code + start * block_codes, best)
    return best

  codes = _by_row_blocks(search, inputs, max_rows)
  # Where NaNs won, the place found may lie in the padding.
  return tf.minimum(codes, num_codes - 1)


def _check_shapes(inputs, codebook):
  num_codes, dim = codebook.shape
  if not num_codes or dim is None:
    raise ValueError(
      'nearest_codes needs a codebook of known shape [K, D] '
      f'with K >= 1, not {codebook.shape}.'
    )
  if inputs.shape[-1] != dim:
    raise ValueError(
      f'inputs have last dimension {inputs.shape[-1]}, the codebook has {dim}.'
    )


def _group_size(num_codes):
  """A power of two near sqrt(K): the two argmax passes cost the same."""
  return 2 ** (((num_codes - 1).bit_length() + 1) // 2)


def _round_up(number, multiple):
  return -(-number // multiple) * multiple


def _has_gpu():
  # One that is hidden from TensorFlow does not count.
  return bool(tf.config.get_visible_devices('GPU'))


def _block_elements():
  return _GPU_BLOCK if _has_gpu() else _CPU_BLOCK


def _scoring_blocks(codebook, block_codes):
  """Splits [K, D] into factors [D + 1, block_codes] of the score product.

  The last row holds -|e|^2 / 2, to be multiplied by one: a separate addition
  would be one more pass over the scores. Codes that fill up the last block get
  the lowest score there is.
  """
  num_codes, _ = codebook.shape
  halves = -0.5 * tf.reduce_sum(tf.square(codebook), 1, keepdims=True)
  factor = tf.concat([codebook, halves], 1)
  padding = _round_up(num_codes, block_codes) - num_codes
  if padding:
    nothing = tf.zeros([padding, codebook.shape[1]], codebook.dtype)
    lowest = tf.fill([padding, 1], codebook.dtype.min)
    factor = tf.concat([factor, tf.concat([nothing, lowest], 1)], 0)
  return [
    _exact_factor(tf.transpose(block), 0, repeat_high=False)
    for block in tf.split(factor, factor.shape[0] // block_codes)
  ]


def _scoring_inputs(rows):
  ones = tf.ones([tf.shape(rows)[0], 1], rows.dtype)
  return _exact_factor(tf.concat([rows, ones], 1), 1, repeat_high=True)


def _exact_factor(factor, axis, repeat_high):
  """Keeps float32 accuracy where a GPU would multiply in TF32.

  TF32 keeps 11 significant bits. Split as a = a_high + a_low, both products
  a_high b_high + a_high b_low + a_low b_high come out of one longer matrix
  product; what is lost is of the order of float32's own rounding.
  """
  uses_tf32 = (
    factor.dtype == tf.float32
    and _has_gpu()
    and tf.config.experimental.tensor_float_32_execution_enabled()
  )
  return _split_factor(factor, axis, repeat_high) if uses_tf32 else factor


def _split_factor(factor, axis, repeat_high):
  bits = tf.bitcast(factor, tf.int32)
  high = tf.bitcast(tf.bitwise.bitwise_and(bits, -(1 << 13)), tf.float32)
  low = factor - high
  parts = [high, high, low] if repeat_high else [high, low, high]
  return tf.concat(parts, axis)


def _best_of_block(inputs, factor, group):
  """Returns the best score and the first code that has it, of each row.

  Of the maximum and its place only the maximum is fast. So: the maximum of
  each group of codes, the first group that has the largest, and the place
  within that group.
  """
  rows = tf.shape(inputs)[0]
  groups = factor.shape[1] // group
  scores = tf.reshape(tf.matmul(inputs, factor), [rows, groups, group])
  best = tf.reduce_max(scores, 2)
  first = tf.argmax(best, 1, output_type=tf.int32)
  scores = tf.gather(
    tf.reshape(scores, [rows * groups, group]), first + groups * tf.range(rows)
  )
  second = tf.argmax(scores, 1, output_type=tf.int32)
  return tf.reduce_max(scores, 1), first * group + second


def _by_row_blocks(search, inputs, max_rows):
  """Applies `search` to blocks of `max_rows` rows of [N, D], and to the rest.

  Converters to other formats take it as it is: what the loop fills has a static
  shape for each step, and no number that is divided is negative, of which ONNX
  rounds the quotient to zero.
  """
  size, dim = inputs.shape
  if size is not None and size <= max_rows:
    return search(inputs)
  if size is None:
    size = tf.shape(inputs)[0]
    blocks = tf.maximum(size - 1, 0) // max_rows
    # Of a step that is never taken XLA compiles the slice and the writing.
    there, places = tf.minimum(size, max_rows), tf.maximum(blocks, 1)
  else:
    blocks = places = (size - 1) // max_rows
    there = max_rows

  def step(index, codes):
    block = tf.slice(inputs, [index * max_rows, 0], [there, dim])
    block = tf.pad(block, [[0, max_rows - there], [0, 0]])
    block = tf.reshape(block, [max_rows, dim])
    return index + 1, codes.write(index, search(block))

  _, codes = tf.while_loop(
    lambda index, _: index < blocks,
    step,
    (0, tf.TensorArray(tf.int32, places, element_shape=[max_rows])),
    # The second block's product fills the cores while the first one's
    # argmax, which has one thread, runs.
    parallel_iterations=2,
  )
  seen = blocks * max_rows
  codes = tf.reshape(codes.stack(), [-1])[:seen]
  # At least one row, if there is any.
  codes = tf.concat([codes, search(inputs[seen:])], 0)
  return tf.ensure_shape(codes, inputs.shape[:1])
