"""The convolutional encoder and decoder of the VQ-VAE paper.

`n` strided convolutions halve the image, residual blocks refine it; the
decoder mirrors them with transposed convolutions. With two halvings these are
the networks of Sonnet's VQ-VAE example.

References:
  van den Oord et al., Neural Discrete Representation Learning, 2017, 4.1.
"""

import math

import sonnet as snt
import tensorflow as tf

# One pixel of padding on every side and a 4x4 kernel with stride 2 take a side
# of n to floor(n / 2), and the transposed convolution takes it back to 2n or
# 2n + 1, whichever was recorded.
_PADDING = [[0, 0], [1, 1], [1, 1], [0, 0]]


def _padding(size):
  """One pixel on every side; named 'SAME' where that is the same and faster."""
  return _PADDING if any(side % 2 for side in size) else 'SAME'


def _half(channels):
  return max(1, channels // 2)


def halved_sizes(
  size: tuple[int, int], num_halvings: int
) -> list[tuple[int, int]]:
  """Returns the sizes that an image passes through, largest first.

  Each halving floors: a side of 28 becomes 14, 7, 3.

  Args:
    size: height and width in pixels.
    num_halvings: how often the image is halved, at least 1.

  Returns:
    `num_halvings + 1` pairs (height, width).

  Raises:
    ValueError: if a side would vanish.
  """
  sizes = [size]
  for _ in range(num_halvings):
    sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
  if min(sizes[-1]) < 1:
    raise ValueError(
      f'an image of {size[0]}x{size[1]} pixels cannot be halved '
      f'{num_halvings} times: use fewer halvings or larger images'
    )
  return sizes


class Convolution(snt.Module):
  """A convolution with stride 1: `[B, H, W, C]` to `[B, H, W, channels]`.

  Its variables are those of `snt.Conv2D`, but always float32; it computes in
  the dtype of its inputs.

  Args:
    channels: number of output channels.
    side: of the kernel, in pixels.
  """

  def __init__(self, channels: int, side: int, name: str = 'convolution'):
    super().__init__(name=name)
    self.channels = channels
    self.side = side

  @snt.once
  def _initialize(self, inputs):
    shape = [self.side, self.side, inputs.shape[-1], self.channels]
    stddev = 1 / math.sqrt(math.prod(shape[:3]))
    init = snt.initializers.TruncatedNormal(stddev=stddev)
    self.w = tf.Variable(init(shape, tf.float32), name='w')
    self.b = tf.Variable(tf.zeros([self.channels]), name='b')

  def __call__(self, inputs):
    return self._convolve(inputs, 1, 'SAME')

  def _convolve(self, inputs, stride, padding):
    self._initialize(inputs)
    w = tf.cast(self.w, inputs.dtype)
    outputs = tf.nn.conv2d(inputs, w, stride, padding)
    return tf.nn.bias_add(outputs, tf.cast(self.b, inputs.dtype))


class Downsample(Convolution):
  """A 4x4 convolution with stride 2: `[B, H, W, C]` to half the size."""

  def __init__(self, channels: int, name: str = 'downsample'):
    super().__init__(channels, 4, name=name)

  def __call__(self, inputs):
    return self._convolve(inputs, 2, _padding(inputs.shape[1:3]))


class Upsample(snt.Module):
  """A 4x4 transposed convolution with stride 2, to a recorded size.

  Args:
    channels: number of output channels.
    size: output (height, width): twice the input's, or one more.
  """

  def __init__(
    self, channels: int, size: tuple[int, int], name: str = 'upsample'
  ):
    super().__init__(name=name)
    self.channels = channels
    self.size = size

  @snt.once
  def _initialize(self, inputs):
    # Each output sees 2x2 of the 4x4 kernel's places.
    fan_in = 4 * inputs.shape[-1]
    init = snt.initializers.TruncatedNormal(stddev=1 / math.sqrt(fan_in))
    shape = [4, 4, self.channels, inputs.shape[-1]]
    self.w = tf.Variable(init(shape, tf.float32), name='w')
    self.b = tf.Variable(tf.zeros([self.channels]), name='b')

  def __call__(self, inputs):
    self._initialize(inputs)
    w = tf.cast(self.w, inputs.dtype)
    batch = inputs.shape[0] or tf.shape(inputs)[0]
    shape = [batch, *self.size, self.channels]
    outputs = tf.nn.conv2d_transpose(
      inputs, w, shape, strides=2, padding=_padding(self.size)
    )
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

  def __call__(self, inputs):
    outputs = inputs
    for conv3, conv1 in self._blocks:
      outputs += conv1(tf.nn.relu(conv3(tf.nn.relu(outputs))))
    return tf.nn.relu(outputs)


class Encoder(snt.Module):
  """Takes an image to a grid of feature vectors.

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

  def __call__(self, inputs):
    """Encodes `[B, H, W, C]` floats.

    Args:
      inputs: float `[B, H, W, C]`, H and W at least 2^num_halvings.

    Returns:
      Float `[B, h, w, num_hiddens]`.

    Raises:
      ValueError: if the image is too small.
    """
    halved_sizes(tuple(inputs.shape[1:3]), self.num_halvings)
    outputs = inputs
    for halving in self._halvings:
      outputs = tf.nn.relu(halving(outputs))
    return self._residual_stack(self._conv(outputs))


class Decoder(snt.Module):
  """Takes a grid of embeddings to the parameters of p(x | z), per pixel.

  Args:
    num_outputs: parameters per pixel, as the likelihood asks for.
    image_size: (height, width) of the images, in pixels.
    num_hiddens: channels of the grid; the last doubling has half as many.
    num_residual_layers: number of residual blocks.
    num_residual_hiddens: channels inside a residual block.
    num_halvings: number of transposed convolutions, at least 1.
  """

  def __init__(
    self,
    num_outputs: int,
    image_size: tuple[int, int],
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
    self.image_size = image_size
    *sizes, self.grid_size = halved_sizes(image_size, num_halvings)
    channels = [num_hiddens] * (num_halvings - 2) + [_half(num_hiddens)]
    channels = channels[: num_halvings - 1] + [num_outputs]
    self._doublings = [
      Upsample(c, size, name=f'double_{i}')
      for i, (c, size) in enumerate(zip(channels, sizes[::-1], strict=True))
    ]

  def __call__(self, inputs):
    """Decodes `[B, h, w, D]` embeddings.

    Args:
      inputs: float `[B, h, w, D]`, (h, w) = `grid_size`.

    Returns:
      Float `[B, H, W, num_outputs]`.

    Raises:
      ValueError: if the grid is not that of the recorded image size.
    """
    if tuple(inputs.shape[1:3]) != self.grid_size:
      raise ValueError(
        f'the decoder takes a grid of {self.grid_size} for images of '
        f'{self.image_size}, not {tuple(inputs.shape[1:3])}'
      )
    outputs = self._residual_stack(self._conv(inputs))
    for i, doubling in enumerate(self._doublings):
      outputs = doubling(tf.nn.relu(outputs) if i else outputs)
    return outputs
