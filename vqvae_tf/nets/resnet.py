"""The convolutional encoder and decoder of the VQ-VAE paper, of any rank.

`n` strided convolutions halve an example, residual blocks refine it; the
decoder mirrors them with transposed convolutions. With two halvings these are
the networks of Sonnet's VQ-VAE example. The sides of an example, `...` below,
are those of an image `[B, H, W, C]`, a sound `[B, T, C]` or a clip
`[B, T, H, W, C]`: a kernel has as many.

References:
  van den Oord et al., Neural Discrete Representation Learning, 2017, 4.1.
"""

import math

import sonnet as snt
import tensorflow as tf

# One place of padding on every side and a kernel of 4 with stride 2 take a side
# of n to floor(n / 2), and the transposed convolution takes it back to 2n or
# 2n + 1, whichever was recorded. Of even sides that is 'SAME', which is faster.
# Of odd sides TensorFlow takes the padding as numbers for images alone; for
# others, 'SAME' with one place more at the end of an odd side is equal to it.
_PADDING = [[0, 0], [1, 1], [1, 1], [0, 0]]
# By the number of sides. Without it, op by op a clip has no gradient.
_LAYOUTS = {1: 'NWC', 2: 'NHWC', 3: 'NDHWC'}


def _convolved(inputs, w, stride):
  layout = _LAYOUTS[inputs.shape.rank - 2]
  return tf.nn.convolution(inputs, w, stride, 'SAME', layout)


def _halved(inputs, w):
  size = inputs.shape[1:-1]
  if not _has_odd_side(size):
    return _convolved(inputs, w, 2)
  if len(size) == 2:
    return tf.nn.conv2d(inputs, w, 2, _PADDING)
  outputs = _convolved(inputs, w, 2)
  halves = (slice(side // 2) for side in size)
  return outputs[tuple([slice(None), *halves])]


def _doubled(inputs, w, size):
  shape = [inputs.shape[0] or tf.shape(inputs)[0], *size, w.shape[-2]]
  if not _has_odd_side(size):
    return tf.nn.conv_transpose(inputs, w, shape, 2, 'SAME')
  if len(size) == 2:
    return tf.nn.conv2d_transpose(inputs, w, shape, 2, _PADDING)
  ends = [[0, 0], *([0, side % 2] for side in size), [0, 0]]
  return tf.nn.conv_transpose(tf.pad(inputs, ends), w, shape, 2, 'SAME')


def _has_odd_side(size):
  return any(side % 2 for side in size)


def _half(channels):
  return max(1, channels // 2)


def halved_sizes(
  size: tuple[int, ...], num_halvings: int
) -> list[tuple[int, ...]]:
  """Returns the sizes that an example passes through, largest first.

  Each halving floors: a side of 28 becomes 14, 7, 3.

  Args:
    size: the sides of an example; of an image height and width, in pixels.
    num_halvings: how often it is halved, at least 1.

  Returns:
    `num_halvings + 1` tuples of as many sides.

  Raises:
    ValueError: if a side would vanish, or there are not one to three.
  """
  if len(size) not in _LAYOUTS:
    raise ValueError(
      'an example has one to three sides before its channels, as images have '
      f'height and width: not {tuple(size)}'
    )
  sizes = [tuple(side >> i for side in size) for i in range(num_halvings + 1)]
  if min(sizes[-1]) < 1:
    raise ValueError(
      f'an example of size {"x".join(map(str, size))} cannot be halved '
      f'{num_halvings} times: use fewer halvings or larger examples'
    )
  return sizes


class Convolution(snt.Module):
  """A convolution with stride 1: `[B, ..., C]` to `[B, ..., channels]`.

  Its variables are those of `snt.Conv2D` (for images), but always float32; it
  computes in the dtype of its inputs.

  Args:
    channels: number of output channels.
    side: of the kernel.
  """

  def __init__(self, channels: int, side: int, name: str = 'convolution'):
    super().__init__(name=name)
    self.channels = channels
    self.side = side

  @snt.once
  def _initialize(self, inputs):
    sides = [self.side] * (inputs.shape.rank - 2)
    shape = [*sides, inputs.shape[-1], self.channels]
    stddev = 1 / math.sqrt(math.prod(shape[:-1]))
    init = snt.initializers.TruncatedNormal(stddev=stddev)
    self.w = tf.Variable(init(shape, tf.float32), name='w')
    self.b = tf.Variable(tf.zeros([self.channels]), name='b')

  def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
    self._initialize(inputs)
    # TensorFlow would crash.
    if inputs.shape.rank != self.w.shape.rank:
      raise ValueError(
        f'the kernel of {self.name} has {self.w.shape.rank - 2} sides: it '
        f'takes inputs [B, ..., C] of rank {self.w.shape.rank}, not '
        f'{inputs.shape}'
      )
    outputs = self._convolve(inputs, tf.cast(self.w, inputs.dtype))
    return tf.nn.bias_add(outputs, tf.cast(self.b, inputs.dtype))

  def _convolve(self, inputs, w):
    return _convolved(inputs, w, 1)


class Downsample(Convolution):
  """A convolution with stride 2 and side 4: `[B, ..., C]` to half the size."""

  def __init__(self, channels: int, name: str = 'downsample'):
    super().__init__(channels, 4, name=name)

  def _convolve(self, inputs, w):
    return _halved(inputs, w)


class Upsample(snt.Module):
  """A transposed convolution with stride 2 and side 4, to a recorded size.

  Args:
    channels: number of output channels.
    size: the output's sides, each twice the input's, or one more.
  """

  def __init__(
    self, channels: int, size: tuple[int, ...], name: str = 'upsample'
  ):
    super().__init__(name=name)
    self.channels = channels
    self.size = size

  @snt.once
  def _initialize(self, inputs):
    rank = len(self.size)
    # Each output sees two of the kernel's four places of each side.
    fan_in = 2**rank * inputs.shape[-1]
    init = snt.initializers.TruncatedNormal(stddev=1 / math.sqrt(fan_in))
    shape = [*[4] * rank, self.channels, inputs.shape[-1]]
    self.w = tf.Variable(init(shape, tf.float32), name='w')
    self.b = tf.Variable(tf.zeros([self.channels]), name='b')

  def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
    self._initialize(inputs)
    outputs = _doubled(inputs, tf.cast(self.w, inputs.dtype), self.size)
    return tf.nn.bias_add(outputs, tf.cast(self.b, inputs.dtype))


class ResidualStack(snt.Module):
  """Residual blocks x + conv1x1(relu(conv3x3(relu(x)))), ReLU at the end."""

  def __init__(
    self,
    num_hiddens: int,
    num_residual_layers: int,
    num_residual_hiddens: int,
    name: str = 'residual_stack',
  ):
    super().__init__(name=name)
    self._blocks = [
      (
        Convolution(num_residual_hiddens, 3, name=f'res3x3_{i}'),
        Convolution(num_hiddens, 1, name=f'res1x1_{i}'),
      )
      for i in range(num_residual_layers)
    ]

  def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
    outputs = inputs
    for conv3, conv1 in self._blocks:
      outputs += conv1(tf.nn.relu(conv3(tf.nn.relu(outputs))))
    return tf.nn.relu(outputs)


class Encoder(snt.Module):
  """Takes an example to a grid of feature vectors.

  Args:
    num_hiddens: channels of the grid; the first halving has half as many.
    num_residual_layers: number of residual blocks.
    num_residual_hiddens: channels inside a residual block.
    num_halvings: number of strided convolutions, at least 1.
  """

  def __init__(
    self,
    num_hiddens: int,
    num_residual_layers: int,
    num_residual_hiddens: int,
    num_halvings: int,
    name: str = 'encoder',
  ):
    super().__init__(name=name)
    self.num_halvings = num_halvings
    self._halvings = [
      Downsample(num_hiddens if i else _half(num_hiddens), name=f'halve_{i}')
      for i in range(num_halvings)
    ]
    self._conv = Convolution(num_hiddens, 3, name='conv')
    self._residual_stack = ResidualStack(
      num_hiddens, num_residual_layers, num_residual_hiddens
    )

  def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
    """Encodes `[B, ..., C]` floats.

    Args:
      inputs: float `[B, ..., C]`, of one to three sides, each at least
        2^num_halvings: `[B, H, W, C]` are images.

    Returns:
      Float `[B, ..., num_hiddens]`, of an image `[B, h, w, num_hiddens]`.

    Raises:
      ValueError: if the examples are too small.
    """
    halved_sizes(tuple(inputs.shape[1:-1]), self.num_halvings)
    outputs = inputs
    for halving in self._halvings:
      outputs = tf.nn.relu(halving(outputs))
    return self._residual_stack(self._conv(outputs))


class Decoder(snt.Module):
  """Takes a grid of embeddings to the parameters of p(x | z), per pixel.

  Args:
    num_outputs: parameters per pixel, as the likelihood asks for.
    size: the sides of an example, one to three: (height, width) of an image.
    num_hiddens: channels of the grid; the last doubling has half as many.
    num_residual_layers: number of residual blocks.
    num_residual_hiddens: channels inside a residual block.
    num_halvings: number of transposed convolutions, at least 1.
  """

  def __init__(
    self,
    num_outputs: int,
    size: tuple[int, ...],
    num_hiddens: int,
    num_residual_layers: int,
    num_residual_hiddens: int,
    num_halvings: int,
    name: str = 'decoder',
  ):
    super().__init__(name=name)
    self._conv = Convolution(num_hiddens, 3, name='conv')
    self._residual_stack = ResidualStack(
      num_hiddens, num_residual_layers, num_residual_hiddens
    )
    self.size = tuple(size)
    *sizes, self.grid_size = halved_sizes(size, num_halvings)
    channels = [num_hiddens] * (num_halvings - 2) + [_half(num_hiddens)]
    channels = channels[: num_halvings - 1] + [num_outputs]
    self._doublings = [
      Upsample(c, size, name=f'double_{i}')
      for i, (c, size) in enumerate(zip(channels, sizes[::-1], strict=True))
    ]

  def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
    """Decodes `[B, ..., D]` embeddings.

    Args:
      inputs: float `[B, ..., D]`, `...` being `grid_size`.

    Returns:
      Float `[B, ..., num_outputs]`, `...` being `size`.

    Raises:
      ValueError: if the grid is not that of the recorded size.
    """
    if tuple(inputs.shape[1:-1]) != self.grid_size:
      raise ValueError(
        f'the decoder takes a grid of {self.grid_size} for examples of '
        f'{self.size}, not {tuple(inputs.shape[1:-1])}'
      )
    outputs = self._residual_stack(self._conv(inputs))
    for i, doubling in enumerate(self._doublings):
      outputs = doubling(tf.nn.relu(outputs) if i else outputs)
    return outputs
