"""The interface of all likelihoods, and the scaling of pixels."""

import abc
from typing import Any

import sonnet as snt
import tensorflow as tf

from vqvae_tf.likelihoods import distributions


# Most likelihoods have no variables, which Sonnet takes for a mistake unless
# told otherwise.
@snt.allow_empty_variables
class Likelihood(snt.Module):
  """A probability mass on uint8 examples, in nats, given a decoder's output.

      p(x | params), with sum over all x in {0..255}^D of p = 1, D = H W C for
      an image

  An example is an image `[H, W, C]`, a sound `[T, C]` or a clip `[T, H, W, C]`;
  a pixel is what has C channels: of a sound a moment, of a clip a pixel of a
  frame. `...` below stands for the sides before the channels.

  It owns the scaling between pixels and a network's floats, so that
  training, evaluation and export cannot disagree about it:

      float = pixel / 255 - 0.5, in [-0.5, 0.5]

  Locations and scales of subclasses are in that unit, the pixel range: a
  scale of 1 is 255 grey levels. Parameters of all zeros, which an untrained
  decoder gives roughly, are a sensible start of every subclass.

  A subclass gives `num_params`, `_log_mass`, `_mean` and `_sample`.

  Attributes:
    is_autoregressive: whether pixels depend on each other beyond `params`:
      then there is no `mean`, and `log_prob` is teacher-forced.
    has_conditioned_channels: whether the channels of a pixel depend on its
      earlier channels.
  """

  is_autoregressive = False
  has_conditioned_channels = False

  def __init__(self, channels: int, name: str | None = None):
    """Initializes the likelihood.

    Args:
      channels: positive integer C, the channels of an example.
      name: name of the module.

    Raises:
      ValueError: if there is not at least one channel.
    """
    super().__init__(name=name)
    if channels < 1:
      raise ValueError(f'channels must be at least 1, got {channels}')
    self.channels = channels

  @property
  @abc.abstractmethod
  def num_params(self) -> int:
    """Number P of feature maps that the decoder must give per pixel."""

  @abc.abstractmethod
  def _log_mass(self, params: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Nats per pixel or sub-pixel, [B, ...], from float32 params.

    Those of a pixel follow each other, and the pixels are in raster order.
    """

  @abc.abstractmethod
  def _mean(self, params: tf.Tensor) -> tf.Tensor:
    """uint8 [B, ..., C] from float32 params."""

  @abc.abstractmethod
  def _sample(self, params: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """uint8 [B, ..., C] from float32 params and an int32 [2] seed."""

  def to_float(self, images: tf.Tensor) -> tf.Tensor:
    """Scales pixels to the floats that networks read, in the pixel range.

        float = pixel / 255 - 0.5

    Args:
      images: uint8 tensor of any shape.

    Returns:
      float32 tensor of the same shape, in [-0.5, 0.5].

    Raises:
      TypeError: if the images are not uint8.
    """
    return tf.cast(_uint8(images), tf.float32) / 255.0 - 0.5

  @property
  def num_features(self) -> int:
    """Number F of features that `features` gives of a pixel."""
    return self.channels

  def features(self, images: tf.Tensor) -> tf.Tensor:
    """What a causal network should read of the earlier pixels.

    2 to_float(image), in [-1, 1]; a subclass may give more.

    Args:
      images: uint8 tensor [..., C].

    Returns:
      float32 tensor [..., F], F = `num_features`.
    """
    return 2.0 * self.to_float(images)

  def to_uint8(self, values: tf.Tensor) -> tf.Tensor:
    """Rounds and clips floats to the nearest pixels, undoing `to_float`.

    Args:
      values: float32 tensor of any shape, in the pixel range.

    Returns:
      uint8 tensor of the same shape.
    """
    levels = tf.clip_by_value(255.0 * (values + 0.5), 0.0, 255.0)
    return tf.cast(tf.round(levels), tf.uint8)

  def log_prob(self, params: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Log-probability mass of each example, in nats per example.

    log p(x | params), a sum over all axes but the first; float32 from the
    first operation on, whatever precision the network works in.

    Args:
      params: float tensor [B, ..., P], P = `num_params`.
      images: uint8 tensor [B, ..., C], of rank 3 or more.

    Returns:
      float32 tensor [B], nats, at most 0 up to rounding.

    Raises:
      TypeError: if params are not floats, or images not uint8.
      ValueError: if the number of parameter maps or channels is not this
        likelihood's, or if params and images differ in another axis.
    """
    log_mass = self._log_mass(*self._checked_pair(params, images))
    return tf.reduce_sum(log_mass, axis=list(range(1, log_mass.shape.rank)))

  def log_prob_map(self, params: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Log-probability mass of each pixel, in nats per pixel.

    log p(x_t | params, what x_t depends on), a sum over C. The sum over the
    pixels is `log_prob`, up to rounding.

    Args:
      params: as for `log_prob`.
      images: likewise.

    Returns:
      float32 tensor [B, ...], of an image [B, H, W].

    Raises:
      TypeError, ValueError: as `log_prob` does.
    """
    params, images = self._checked_pair(params, images)
    shape = tf.concat([tf.shape(images)[:-1], [-1]], axis=0)
    log_mass = tf.reshape(self._log_mass(params, images), shape)
    return tf.reduce_sum(log_mass, axis=-1)

  def mean(self, params: tf.Tensor) -> tf.Tensor:
    """The example to show for these parameters, in pixels.

    Args:
      params: float tensor [B, ..., P], P = `num_params`.

    Returns:
      uint8 tensor [B, ..., C]: a rounded mean; each class says which.

    Raises:
      TypeError: if params are not floats.
      ValueError: if the number of parameter maps is not this likelihood's.
    """
    return self._mean(self._checked_params(params))

  def sample(self, params: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draws one example from p(x | params), in pixels.

    The same seed gives the same example, with `jit_compile` as without, but
    where a rounding decides.

    Args:
      params: float tensor [B, ..., P], P = `num_params`.
      seed: int32 tensor [2].

    Returns:
      uint8 tensor [B, ..., C].

    Raises:
      TypeError: if params are not floats.
      ValueError: if the number of parameter maps is not this likelihood's,
        or the seed is not a pair.
    """
    seed = tf.convert_to_tensor(seed, tf.int32)
    if not seed.shape.is_compatible_with([2]):
      raise ValueError(f'the seed must have shape (2,), got {seed.shape}')
    return self._sample(self._checked_params(params), seed)

  def distribution(self, params: tf.Tensor) -> Any:
    """The distribution of each pixel, for TensorFlow Probability.

    Its `log_prob`, summed over the pixels of an example, is that of this
    class; its `sample` draws from the same masses by other noise. It loads
    tensorflow_probability.

    Args:
      params: float tensor [B, ..., P], P = `num_params`.

    Returns:
      `tfd.Distribution` of int32 values in 0..255: batch shape [B, ...], event
      shape [C], the channels of a pixel.

    Raises:
      TypeError: if params are not floats.
      ValueError: if the number of parameter maps is not this likelihood's, or
        pixels depend on each other.
    """
    if self.is_autoregressive:
      raise ValueError(
        'an autoregressive likelihood has no distribution of a pixel without '
        'the pixels before it: use log_prob, or sample'
      )
    return distributions.distribution(self, self._checked_params(params))

  def log_masses(self, params: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Log-masses of all values of each channel, given the earlier channels.

    Args:
      params: float32 tensor [B, ..., P].
      images: uint8 tensor [B, ..., C], of which the earlier channels are read
        where channels are conditioned on each other.

    Returns:
      float32 tensor [B, ..., C, 256], nats, up to a constant for each channel
      of a pixel.
    """
    batch = tf.shape(params)[0]
    levels = tf.range(distributions.LEVELS)
    # An example for each value, which all its pixels have.
    every = tf.cast(tf.repeat(levels, batch), images.dtype)
    every = tf.reshape(every, [-1] + [1] * (len(images.shape) - 1))
    every += tf.tile(tf.zeros_like(images), self._tiles(images))
    log_mass = self._log_mass(tf.tile(params, self._tiles(params)), every)
    shape = tf.concat([[distributions.LEVELS], tf.shape(images)], 0)
    log_mass = tf.reshape(log_mass, shape)
    rank = len(images.shape)
    return tf.transpose(log_mass, [*range(1, rank + 1), 0])

  @staticmethod
  def _tiles(tensor):
    return [distributions.LEVELS] + [1] * (len(tensor.shape) - 1)

  def _checked_pair(self, params, images):
    params = self._checked_params(params)
    images = self._checked(_uint8(images), 'images', self.channels, 'channels')
    if not params.shape[:-1].is_compatible_with(images.shape[:-1]):
      raise ValueError(
        'params and images differ in an axis before the last: '
        f'{params.shape[:-1]} and {images.shape[:-1]}'
      )
    return params, images

  def _checked_params(self, params):
    params = tf.convert_to_tensor(params)
    if not params.dtype.is_floating:
      raise TypeError(f'params must be floats, got {params.dtype.name}')
    params = self._checked(params, 'params', self.num_params, 'parameter maps')
    # The log-masses of a half-precision network still need float32: the sum
    # over an example has thousands of terms.
    return tf.cast(params, tf.float32)

  def _checked(self, tensor, name, expected, what):
    """Refuses a tensor that is not [B, ..., expected]."""
    shape = tensor.shape
    if shape.rank is None or shape.rank < 3:
      raise ValueError(
        f'{name} must be [B, ..., {expected}] of rank 3 or more, as [B, H, W, '
        f'{expected}], got {shape}'
      )
    if shape[-1] not in (None, expected):
      raise ValueError(
        f'{type(self).__name__}(channels={self.channels}) takes {name} with '
        f'{expected} {what}, got {shape[-1]}'
      )
    return tf.ensure_shape(tensor, [None] * (shape.rank - 1) + [expected])

  def _unpack(self, params, rows, columns):
    """Reshapes [B, ..., rows * columns] to [B, ..., rows, columns]."""
    shape = tf.concat([tf.shape(params)[:-1], [rows, columns]], axis=0)
    return tf.reshape(params, shape)


def _uint8(images):
  images = tf.convert_to_tensor(images)
  if images.dtype != tf.uint8:
    raise TypeError(f'images must be uint8, got {images.dtype.name}')
  return images
