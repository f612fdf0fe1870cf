"""Two stacks of causal convolutions, over rows and along a row."""

from typing import NamedTuple

import tensorflow as tf

from vqvae_tf.nets.causal import Above, Left, Pointwise
from vqvae_tf.nets.causal_network import CausalNetwork, Draw
from vqvae_tf.nets.dropout import kept


class TwoStacks(CausalNetwork):
  """Cells seen by a stack `above`, over rows, and `left`, along a row.

  A cell sees the cells before its own, and the context of its row and of those
  above, which enters both stacks once, at their first layer. L layers see L + 2
  rows above and L + 3 cells to the left, and there is no blind spot in that
  window: `above` sees whole rows, and each layer of `left` hears of it.

  A layer has two convolutions, `above` and `left`, a matrix `link` between the
  stacks, and says what surrounds them: `read(x)`, what a convolution takes of
  its stack; `look(above, seen, drop)`, from the stack and what the convolution
  saw to the stack; `walk(left, seen, link, drop)`, the same for `left`.

  Args:
    num_slots: S, the slots of a cell.
    num_outputs: P, the parameters that a slot needs.
    num_hiddens: channels of all layers.
    num_layers: layers of the two stacks.
    layer: makes a layer of (num_hiddens, name).
  """

  def __init__(
    self,
    num_slots: int,
    num_outputs: int,
    num_hiddens: int,
    num_layers: int,
    layer: type,
    name: str,
  ):
    super().__init__(num_slots, num_outputs, num_hiddens, name)
    self._context = Pointwise(2 * num_hiddens, name='context')
    self._above = Above(num_hiddens, 2, 5, strict=True, name='above')
    self._left = Left(num_hiddens, 3, strict=True, name='left')
    self._layers = [
      layer(num_hiddens, name=f'layer_{i}') for i in range(num_layers)
    ]

  def _features(self, cells, context, drop):
    """Takes [B, h, w, S F] and [B, h, w, E] to features [B, h, w, C]."""
    above, left = tf.split(self._context(context), 2, -1)
    above += self._above(cells)
    left += self._left(cells)
    for layer in self._layers:
      above = layer.look(above, layer.above(layer.read(above)), drop)
      seen = layer.left(layer.read(left))
      left = layer.walk(left, seen, layer.link(above), drop)
    return left

  def generate(
    self, context: tf.Tensor, num_features: int, draw: Draw
  ) -> tf.Tensor:
    """Fills a grid slot by slot: see `CausalNetwork.generate`."""
    batch, height, width, context_size = context.shape
    self._initialize(num_features, context_size)
    batch = batch or tf.shape(context)[0]
    above, left = tf.split(self._context(context), 2, -1)
    empty = tf.zeros([batch, width, self.num_slots * num_features])
    windows = [self._above.window(empty)]
    windows += [
      layer.above.window(layer.read(above[:, 0])) for layer in self._layers
    ]

    def fill_row(i, windows, rows):
      linear = self._linear_row(windows[0])
      links, windows = self._look_above(above[:, i], windows)
      row = _Row(i, left[:, i], links, linear)
      cells, values = self._fill_row(row, empty[:, 0], draw)
      windows = [self._above.slide(windows[0], cells), *windows[1:]]
      return i + 1, windows, rows.write(i, values)

    rows = tf.TensorArray(tf.int32, height)
    *_, rows = tf.while_loop(
      lambda i, *_: i < height, fill_row, (tf.constant(0), windows, rows)
    )
    # [h, w, S, B, V]
    return tf.transpose(rows.stack(), [3, 0, 1, 2, 4])

  def _linear_row(self, window):
    """Returns what a row's outputs get beside the layers': none here."""
    del window

  def _draw_with(self, linear, window, draw):
    """Returns `draw` for outputs with what they get beside the layers'."""
    del linear, window
    return draw

  def _look_above(self, context, windows):
    """Returns what `above` tells each layer about a row, [B, w, C]."""
    above = context + self._above.at(windows[0])
    links, slid = [], windows[:1]
    for layer, window in zip(self._layers, windows[1:], strict=True):
      window = layer.above.slide(window, layer.read(above))
      above = layer.look(above, layer.above.at(window), kept)
      links.append(layer.link(above))
      slid.append(window)
    return links, slid

  def _fill_row(self, row, empty, draw):
    """Returns a row's features [B, w, S F] and values [w, S, B, V]."""
    width = row.context.shape[1]
    windows = [self._left.window(empty)]
    windows += [
      layer.left.window(layer.read(row.context[:, 0])) for layer in self._layers
    ]

    def fill_cell(j, windows, cells, values):
      left = row.context[:, j] + self._left.at(windows[0])
      slid = []
      for layer, link, window in zip(
        self._layers, row.links, windows[1:], strict=True
      ):
        window = layer.left.slide(window, layer.read(left))
        left = layer.walk(left, layer.left.at(window), link[:, j], kept)
        slid.append(window)
      linear = None if row.linear is None else row.linear[:, j]
      draw_here = self._draw_with(linear, windows[0], draw)
      index = row.index * width + j
      cell, drawn = self._fill_slots(left, index, draw_here)
      slid.insert(0, self._left.slide(windows[0], cell))
      return j + 1, slid, cells.write(j, cell), values.write(j, drawn)

    arrays = tf.TensorArray(tf.float32, width), tf.TensorArray(tf.int32, width)
    *_, cells, values = tf.while_loop(
      lambda j, *_: j < width, fill_cell, (tf.constant(0), windows, *arrays)
    )
    return tf.transpose(cells.stack(), [1, 0, 2]), values.stack()


class _Row(NamedTuple):
  """What the rows above and the context tell the cells of a row.

  Attributes:
    index: int32 scalar.
    context: float [B, w, C], for `left`.
    links: of each layer, float [B, w, C'], from `above`.
    linear: float [B, w, S P], for the outputs, or None.
  """

  index: tf.Tensor
  context: tf.Tensor
  links: list[tf.Tensor]
  linear: tf.Tensor | None
