"""PixelCNN over a grid of cells, with several slots in each cell."""

from collections.abc import Callable
from typing import NamedTuple

import sonnet as snt
import tensorflow as tf

from vqvae_tf.nets.causal import Above, Left, Pointwise

# Residual branches start small beside what they are added to, and outputs near
# zero.
_SMALL = 0.1

# What a slot's parameters [B, P] become: `draw` in `PixelCNN.generate`.
Draw = Callable[[tf.Tensor, tf.Tensor, int], tuple[tf.Tensor, tf.Tensor]]


class PixelCNN(snt.Module):
  """Takes what a grid holds to the parameters of p(slot | earlier slots).

  Cells follow each other in raster order, and slots within a cell: a slot sees
  the slots before it in its cell, the cells before its own, and the context of
  its row and of those above. Two stacks go over the cells, `above` over rows
  and `left` along a row. L layers see L + 2 rows above and L + 3 cells to the
  left, and there is no blind spot in that window. A layer is

      above = above + W relu(relu(above) * k_2x3)
      left  = left  + U relu(relu(left) * k_1x2 + V above)

  and then each slot has dense layers over `left` and the slots before it. A
  linear function of those and of the neighbouring cells, which alone predicts a
  smooth image well, is added to the outputs. (Gates tanh(a) sigmoid(b) in place
  of the ReLU, at equal work, learned more slowly.)

  Args:
    num_slots: S, the slots of a cell.
    num_outputs: P, the parameters that a slot needs.
    num_hiddens: channels of all layers.
    num_layers: layers of the two stacks.

  References:
    van den Oord et al., Conditional Image Generation with PixelCNN Decoders,
    2016, section 2 (https://arxiv.org/abs/1606.05328).
  """

  def __init__(
    self,
    num_slots: int,
    num_outputs: int,
    num_hiddens: int,
    num_layers: int,
    name: str = 'pixelcnn',
  ):
    super().__init__(name=name)
    self.num_slots = num_slots
    self.num_outputs = num_outputs
    self._context = Pointwise(2 * num_hiddens, name='context')
    self._above = Above(num_hiddens, 2, 5, strict=True, name='above')
    self._left = Left(num_hiddens, 3, strict=True, name='left')
    maps = num_slots * num_outputs
    self._linear_above = Above(maps, 1, 3, True, _SMALL, name='linear_above')
    self._linear_left = Left(maps, 1, True, _SMALL, name='linear_left')
    self._layers = [
      _Layer(num_hiddens, name=f'layer_{i}') for i in range(num_layers)
    ]
    self._slots = [
      _Slot(num_hiddens, num_outputs, name=f'slot_{s}')
      for s in range(num_slots)
    ]

  def __call__(self, slots: tf.Tensor, context: tf.Tensor) -> tf.Tensor:
    """Returns the parameters of all slots in one pass.

    Args:
      slots: float `[B, h, w, S, F]`, what the slots hold.
      context: float `[B, h, w, E]`, what is known beforehand.

    Returns:
      Float `[B, h, w, S, P]`; those of a slot depend on earlier slots alone.
    """
    cells = _flat(slots)
    above, left = tf.split(self._context(context), 2, -1)
    above += self._above(cells)
    left += self._left(cells)
    for layer in self._layers:
      above += layer.above_out(tf.nn.relu(layer.above(tf.nn.relu(above))))
      left += layer.left_out(
        tf.nn.relu(layer.left(tf.nn.relu(left)) + layer.link(above))
      )
    linear = self._linear_above(cells) + self._linear_left(cells)
    lines = tf.split(linear, self.num_slots, -1)
    outputs = [
      slot(left, _flat(slots[..., :s, :])) + line
      for s, (slot, line) in enumerate(zip(self._slots, lines, strict=True))
    ]
    return tf.stack(outputs, -2)

  def generate(
    self, context: tf.Tensor, num_features: int, draw: Draw
  ) -> tf.Tensor:
    """Fills a grid slot by slot, with as much work as one full pass.

    Args:
      context: float `[B, h, w, E]`, h and w known.
      num_features: F.
      draw: takes the parameters `[B, P]` of a slot, the index of its cell in
        raster order (int32 scalar) and the number of the slot to what the slot
        holds, float `[B, F]`, and to what is returned for it, int32 `[B, V]`.

    Returns:
      int32 `[B, h, w, S, V]`, what `draw` returned.
    """
    batch, height, width, context_size = context.shape
    self._initialize(num_features, context_size)
    batch = batch or tf.shape(context)[0]
    above, left = tf.split(self._context(context), 2, -1)
    empty = tf.zeros([batch, width, self.num_slots * num_features])
    windows = [self._above.window(empty)]
    windows += [layer.above.window(above[:, 0]) for layer in self._layers]

    def fill_row(i, windows, rows):
      linear = self._linear_above.at(windows[0][:, -1:])
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

  @snt.once
  def _initialize(self, num_features, context_size):
    """Makes the variables, which the cached steps do not know how to make."""
    with tf.init_scope():
      slots = tf.zeros([1, 1, 1, self.num_slots, num_features])
      self(slots, tf.zeros([1, 1, 1, context_size]))

  def _look_above(self, context, windows):
    """Returns what `above` tells each layer about a row, [B, w, C]."""
    above = context + self._above.at(windows[0])
    links, slid = [], windows[:1]
    for layer, window in zip(self._layers, windows[1:], strict=True):
      window = layer.above.slide(window, tf.nn.relu(above))
      above += layer.above_out(tf.nn.relu(layer.above.at(window)))
      links.append(layer.link(above))
      slid.append(window)
    return links, slid

  def _fill_row(self, row, empty, draw):
    """Returns a row's features [B, w, S F] and values [w, S, B, V]."""
    width = row.context.shape[1]
    windows = [self._left.window(empty)]
    windows += [layer.left.window(row.context[:, 0]) for layer in self._layers]

    def fill_cell(j, windows, cells, values):
      linear = row.linear[:, j] + self._linear_left.at(windows[0][:, -1:])
      left = row.context[:, j] + self._left.at(windows[0])
      slid = []
      for layer, link, window in zip(
        self._layers, row.links, windows[1:], strict=True
      ):
        window = layer.left.slide(window, tf.nn.relu(left))
        left += layer.left_out(tf.nn.relu(layer.left.at(window) + link[:, j]))
        slid.append(window)
      cell, drawn = self._fill_slots(left, linear, row.index * width + j, draw)
      slid.insert(0, self._left.slide(windows[0], cell))
      return j + 1, slid, cells.write(j, cell), values.write(j, drawn)

    arrays = tf.TensorArray(tf.float32, width), tf.TensorArray(tf.int32, width)
    *_, cells, values = tf.while_loop(
      lambda j, *_: j < width, fill_cell, (tf.constant(0), windows, *arrays)
    )
    return tf.transpose(cells.stack(), [1, 0, 2]), values.stack()

  def _fill_slots(self, left, linear, index, draw):
    """Returns a cell's features [B, S F] and values [S, B, V]."""
    cell, values = left[:, :0], []
    lines = tf.split(linear, self.num_slots, -1)
    for s, (slot, line) in enumerate(zip(self._slots, lines, strict=True)):
      features, drawn = draw(slot(left, cell) + line, index, s)
      cell = tf.concat([cell, features], -1)
      values.append(drawn)
    return cell, tf.stack(values)


class _Row(NamedTuple):
  """What the rows above and the context tell the cells of a row.

  Attributes:
    index: int32 scalar.
    context: float [B, w, C], for `left`.
    links: of each layer, float [B, w, C], from `above`.
    linear: float [B, w, S P], for the outputs.
  """

  index: tf.Tensor
  context: tf.Tensor
  links: list[tf.Tensor]
  linear: tf.Tensor


class _Layer(snt.Module):
  """The convolutions of one layer of both stacks."""

  def __init__(self, num_hiddens: int, name: str):
    super().__init__(name=name)
    self.above = Above(num_hiddens, 2, 3, name='above')
    self.above_out = Pointwise(num_hiddens, _SMALL, name='above_out')
    self.link = Pointwise(num_hiddens, name='link')
    self.left = Left(num_hiddens, 2, name='left')
    self.left_out = Pointwise(num_hiddens, _SMALL, name='left_out')


class _Slot(snt.Module):
  """From the features of a cell and its earlier slots to one slot's outputs."""

  def __init__(self, num_hiddens: int, num_outputs: int, name: str):
    super().__init__(name=name)
    self._cell = Pointwise(num_hiddens, name='cell')
    self._earlier = Pointwise(num_hiddens, name='earlier')
    self._hidden = Pointwise(num_hiddens, name='hidden')
    self._residual = Pointwise(num_hiddens, _SMALL, name='residual')
    self._out = Pointwise(num_outputs, _SMALL, name='out')
    self._linear = Pointwise(num_outputs, _SMALL, name='linear')

  def __call__(self, left, earlier):
    """Takes [..., C] and [..., s F] to [..., P]."""
    outputs = self._cell(tf.nn.relu(left))
    if earlier.shape[-1]:
      outputs += self._earlier(earlier)
    outputs += self._residual(tf.nn.relu(self._hidden(tf.nn.relu(outputs))))
    outputs = self._out(tf.nn.relu(outputs))
    return outputs + self._linear(earlier) if earlier.shape[-1] else outputs


def _flat(slots):
  """Takes [..., S, F] to [..., S F]."""
  *outer, count, size = slots.shape
  shape = [d or tf.shape(slots)[k] for k, d in enumerate(outer)]
  return tf.reshape(slots, [*shape, count * size])
