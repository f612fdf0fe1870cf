"""p(x | z) pixel by pixel, each given the codes and all earlier pixels."""

import tensorflow as tf

from vqvae_tf import noise
from vqvae_tf.likelihoods.likelihood import Likelihood
from vqvae_tf.nets import CausalNetwork


class Autoregressive(Likelihood):
  """A product of conditionals over the pixels of an image, in nats.

      log p(x | context) = sum_t log p(x_t | network(x_<t, context)_t)

  Pixels come in square blocks in raster order, and in raster order within a
  block: the network works at the resolution of blocks, one cell for each.
  Each pixel has the mass of another likelihood, which conditions its channels
  on each other or not. `log_prob` is teacher-forced: it sees the image that it
  judges, though no pixel sees itself or a later one; `sample` sees none.

  The network sees a window of the earlier pixels, works in float32 whatever the
  decoder works in, and there is no mean to show: `mean` raises.

  Args:
    network: takes blocks `[B, h, w, S, F]` and context `[B, h, w, E]` to
      `[B, h, w, S, P]`; see `nets.PixelCNN`.
    pixel: the likelihood of a pixel, with P parameters.
    context_size: parameters per pixel that the decoder gives.
    block_size: side of a block, in pixels; S = block_size^2.

  References:
    van den Oord et al., Conditional Image Generation with PixelCNN Decoders,
    2016 (https://arxiv.org/abs/1606.05328); Salimans et al., PixelCNN++, 2017
    (https://arxiv.org/abs/1701.05517).
  """

  is_autoregressive = True

  def __init__(
    self,
    network: CausalNetwork,
    pixel: Likelihood,
    context_size: int,
    block_size: int = 2,
    name: str = 'autoregressive',
  ):
    super().__init__(pixel.channels, name=name)
    self.network = network
    self.pixel = pixel
    self.block_size = block_size
    self._context_size = context_size

  @property
  def num_params(self) -> int:
    """Maps of context that the decoder gives per pixel."""
    return self._context_size

  def _log_mass(self, params, images):
    blocks = self.blocks(images)
    outputs = self.network(blocks, self.cells(params))
    return self.pixel.log_prob_map(self._unblocked(outputs), images)

  def _mean(self, params):
    raise ValueError(
      'an autoregressive likelihood has no mean to show: use sample'
    )

  def _sample(self, params, seed):
    def draw(outputs, index, slot):
      place = index * self.block_size**2 + slot
      own = tf.random.fold_in(seed, place, alg=noise.ALGORITHM)
      pixels = self.pixel.sample(outputs[:, tf.newaxis, tf.newaxis], own)
      pixels = pixels[:, 0, 0]
      return self.pixel.features(pixels), tf.cast(pixels, tf.int32)

    context = self.cells(params)
    blocks = self.network.generate(context, self.pixel.num_features, draw)
    return tf.cast(self._unblocked(blocks), tf.uint8)

  def blocks(self, images: tf.Tensor) -> tf.Tensor:
    """Returns what the network reads, `[B, h, w, S, F]`, of uint8 images.

    F features of each pixel, as the pixel's likelihood wants them.
    """
    cells = self.cells(self.pixel.features(images))
    batch = images.shape[0] or tf.shape(images)[0]
    _, *grid, maps = cells.shape
    slots = self.block_size**2
    return tf.reshape(cells, [batch, *grid, slots, maps // slots])

  def cells(self, maps: tf.Tensor) -> tf.Tensor:
    """Takes `[B, H, W, E]`, of pixels, to `[B, h, w, S E]`, of blocks.

    A block of one pixel leaves maps `[B, ..., E]` of any rank as they are.

    Raises:
      ValueError: if there are larger blocks than that of what is no image.
    """
    if self.block_size == 1:
      return maps
    if maps.shape.rank != 4:
      raise ValueError(
        f'blocks of {self.block_size}x{self.block_size} pixels are for images '
        f'[B, H, W, C], got {maps.shape}: use block_size=1'
      )
    return tf.nn.space_to_depth(maps, self.block_size)

  def _unblocked(self, blocks):
    """Takes [B, h, w, S, P] to [B, H, W, P]."""
    batch = blocks.shape[0] or tf.shape(blocks)[0]
    _, *grid, slots, maps = blocks.shape
    cells = tf.reshape(blocks, [batch, *grid, slots * maps])
    if self.block_size == 1:
      return cells
    return tf.nn.depth_to_space(cells, self.block_size)
