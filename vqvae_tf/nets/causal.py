"""Convolutions that see only what comes before, in raster order, with caches.

A full pass takes a whole grid. The same convolution also works step by step: a
window holds the last inputs, `slide` takes in the next one, and `at` gives the
output for the window. Both ways give the same numbers up to rounding.
"""

import math

import sonnet as snt
import tensorflow as tf


class Above(snt.Module):
  """A convolution over rows above: `[B, h, w, C]` to `[B, h, w, channels]`.

  y[i, j] = sum_{a < rows, |b| <= columns // 2} W[a, b] x[i - rows + 1 + a + s,
  j + b], s = -1 if `strict`, else 0; x = 0 outside of the grid.

  Args:
    channels: number of output channels.
    rows: height of the kernel; its lowest row is the output's own, or the one
      above if `strict`.
    columns: width of the kernel, odd.
    strict: whether the output's own row is left out.
    scale: of the initial weights.
  """

  def __init__(
    self,
    channels: int,
    rows: int,
    columns: int,
    strict: bool = False,
    scale: float = 1.0,
    name: str = 'above',
  ):
    super().__init__(name=name)
    self.channels = channels
    self.rows, self.columns = rows, columns
    self.strict = strict
    self.scale = scale

  @snt.once
  def _initialize(self, channels):
    shape = [self.rows, self.columns, channels, self.channels]
    self.w, self.b = _variables(shape, self.scale)

  def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
    self._initialize(inputs.shape[-1])
    above = self.rows - 1 + self.strict
    inputs = tf.pad(inputs, [[0, 0], [above, 0], [0, 0], [0, 0]])
    return self._convolve(inputs[:, :-1] if self.strict else inputs)

  def window(self, row: tf.Tensor) -> tf.Tensor:
    """Returns the empty window `[B, rows, w, C]` for rows `[B, w, C]`."""
    return tf.zeros_like(row[:, tf.newaxis]) + tf.zeros([self.rows, 1, 1])

  def slide(self, window: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
    """Returns the window with the next row `[B, w, C]` in it."""
    return tf.concat([window[:, 1:], row[:, tf.newaxis]], 1)

  def at(self, window: tf.Tensor) -> tf.Tensor:
    """Returns the output row `[B, w, channels]` of a window.

    The window ends with the output's own row, or with the one above it if
    `strict`.
    """
    return self._convolve(window)[:, 0]

  def _convolve(self, inputs):
    side = self.columns // 2
    inputs = tf.pad(inputs, [[0, 0], [0, 0], [side, side], [0, 0]])
    return tf.nn.bias_add(tf.nn.conv2d(inputs, self.w, 1, 'VALID'), self.b)


class Left(snt.Module):
  """A convolution over the same row: `[B, h, w, C]` to `[B, h, w, channels]`.

  y[i, j] = sum_{b < columns} W[b] x[i, j - columns + 1 + b + s], s = -1 if
  `strict`, else 0; x = 0 outside of the grid.

  Args:
    channels: number of output channels.
    columns: width of the kernel; its last column is the output's own, or the
      one to the left if `strict`.
    strict: whether the output's own column is left out.
    scale: of the initial weights.
  """

  def __init__(
    self,
    channels: int,
    columns: int,
    strict: bool = False,
    scale: float = 1.0,
    name: str = 'left',
  ):
    super().__init__(name=name)
    self.channels = channels
    self.columns = columns
    self.strict = strict
    self.scale = scale

  @snt.once
  def _initialize(self, channels):
    shape = [1, self.columns, channels, self.channels]
    self.w, self.b = _variables(shape, self.scale)

  def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
    self._initialize(inputs.shape[-1])
    before = self.columns - 1 + self.strict
    inputs = tf.pad(inputs, [[0, 0], [0, 0], [before, 0], [0, 0]])
    inputs = inputs[:, :, :-1] if self.strict else inputs
    return tf.nn.bias_add(tf.nn.conv2d(inputs, self.w, 1, 'VALID'), self.b)

  def window(self, cell: tf.Tensor) -> tf.Tensor:
    """Returns the empty window `[B, columns, C]` for cells `[B, C]`."""
    return tf.zeros_like(cell[:, tf.newaxis]) + tf.zeros([self.columns, 1])

  def slide(self, window: tf.Tensor, cell: tf.Tensor) -> tf.Tensor:
    """Returns the window with the next cell `[B, C]` in it."""
    return tf.concat([window[:, 1:], cell[:, tf.newaxis]], 1)

  def at(self, window: tf.Tensor) -> tf.Tensor:
    """Returns the output `[B, channels]` of a window.

    The window ends with the output's own cell, or with the one to its left if
    `strict`.
    """
    return tf.tensordot(window, self.w[0], 2) + self.b


class Pointwise(snt.Module):
  """A matrix for each cell: `[..., C]` to `[..., channels]`.

  Args:
    channels: number of output channels.
    scale: of the initial weights; small ones let residual branches start
      near zero.
  """

  def __init__(
    self, channels: int, scale: float = 1.0, name: str = 'pointwise'
  ):
    super().__init__(name=name)
    self.channels = channels
    self.scale = scale

  @snt.once
  def _initialize(self, channels):
    self.w, self.b = _variables([channels, self.channels], self.scale)

  def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
    self._initialize(inputs.shape[-1])
    return tf.tensordot(inputs, self.w, 1) + self.b


def gated(inputs: tf.Tensor) -> tf.Tensor:
  """Returns tanh(a) sigmoid(b), `[..., C]`, of [a, b], `[..., 2 C]`."""
  values, gates = tf.split(inputs, 2, -1)
  return tf.tanh(values) * tf.sigmoid(gates)


def _variables(shape, scale=1.0):
  stddev = scale / math.sqrt(math.prod(shape[:-1]))
  init = snt.initializers.TruncatedNormal(stddev=stddev)
  w = tf.Variable(init(shape, tf.float32), name='w')
  return w, tf.Variable(tf.zeros(shape[-1:]), name='b')
