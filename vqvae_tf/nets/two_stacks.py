"""Two stacks of causal convolutions, over rows and along a row."""

from typing import NamedTuple

import tensorflow as tf

from vqvae_tf.nets.causal import Above, Left, Pointwise
from vqvae_tf.nets.causal_network import CausalNetwork, sizes
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
    _check_grid(context)
    above, left = tf.split(self._context(context), 2, -1)
    above += self._above(cells)
    left += self._left(cells)
    for layer in self._layers:
      above = layer.look(above, layer.above(layer.read(above)), drop)
      seen = layer.left(layer.read(left))
      left = layer.walk(left, seen, layer.link(above), drop)
    return left

  def initial_state(self, context: tf.Tensor, num_features: int) -> '_State':
    """Returns what is known: see `CausalNetwork.initial_state`."""
    _check_grid(context)
    self._initialize(context, num_features)
    batch, _, width, _ = sizes(context)
    above, left = tf.split(self._context(context), 2, -1)
    cells = tf.zeros([batch, width, self.num_slots * num_features])
    rows = [cells, *(layer.read(above[:, 0]) for layer in self._layers)]
    row = _Row(
      [x.window(row) for x, row in zip(self._aboves, rows, strict=True)],
      [tf.zeros([batch, width, size]) for size in self._link_sizes],
      [x.window(row[:, 0]) for x, row in zip(self._lefts, rows, strict=True)],
    )
    return _State(above, left, tf.transpose(cells, [1, 0, 2]), row)

  def step(
    self, state: '_State', t: tf.Tensor, cell: tf.Tensor
  ) -> tuple[tf.Tensor, '_State']:
    """Goes on to the next cell: see `CausalNetwork.step`."""
    width = state.cells.shape[0]
    i, j = t // width, t % width
    place = [[(t - 1) % width]]
    cells = tf.tensor_scatter_nd_update(state.cells, place, [cell])
    window, *windows = state.row.left
    row = state.row._replace(left=[self._left.slide(window, cell), *windows])
    # A loop of one turn or none: a branch that XLA compiles would copy the
    # windows and links of a row for each cell, and wide rows take long.
    _, row = tf.while_loop(
      lambda is_new, _: is_new,
      lambda _, row: (False, self._next_row(state.above[:, i], cells, row)),
      (j == 0, row),
    )
    features, windows = self._walk(state.left[:, i, j], row, j)
    row = row._replace(left=windows)
    return features, state._replace(cells=cells, row=row)

  @property
  def _aboves(self):
    return [self._above, *(layer.above for layer in self._layers)]

  @property
  def _lefts(self):
    return [self._left, *(layer.left for layer in self._layers)]

  @property
  def _link_sizes(self):
    """Channels of what `above` tells."""
    return [layer.link.channels for layer in self._layers]

  def _next_row(self, context, cells, row):
    """Goes on to a row, under `cells`, [w, B, S F]."""
    window, *windows = row.above
    cells = tf.transpose(cells, [1, 0, 2])
    windows = [self._above.slide(window, cells), *windows]
    windows, links = self._look_above(context, windows)
    return _Row(windows, links, [tf.zeros_like(window) for window in row.left])

  def _look_above(self, context, windows):
    """Returns new windows, and what `above` tells each layer about a row."""
    above = context + self._above.at(windows[0])
    slid, links = windows[:1], []
    for layer, window in zip(self._layers, windows[1:], strict=True):
      window = layer.above.slide(window, layer.read(above))
      above = layer.look(above, layer.above.at(window), kept)
      slid.append(window)
      links.append(layer.link(above))
    return slid, links

  def _walk(self, context, row, j):
    """Returns features of cell j of a row, [B, C], and new windows."""
    left = context + self._left.at(row.left[0])
    slid = row.left[:1]
    # There may be links that are not for a layer.
    links = row.links[: len(self._layers)]
    for layer, window, link in zip(
      self._layers, row.left[1:], links, strict=True
    ):
      window = layer.left.slide(window, layer.read(left))
      left = layer.walk(left, layer.left.at(window), link[:, j], kept)
      slid.append(window)
    return left, slid


class _Row(NamedTuple):
  """What a step knows of the row that it is in.

  Attributes:
    above: windows [B, rows, w, C'] of the convolutions over rows.
    links: what `above` tells each layer about the row, [B, w, C'].
    left: windows [B, columns, C'] of the convolutions along the row.
  """

  above: list[tf.Tensor]
  links: list[tf.Tensor]
  left: list[tf.Tensor]


class _State(NamedTuple):
  """What a step knows.

  Attributes:
    above: float [B, h, w, C], the context for `above`.
    left: float [B, h, w, C], the context for `left`.
    cells: float [w, B, S F], the last w of them, each at its column.
    row: of the cell before.
  """

  above: tf.Tensor
  left: tf.Tensor
  cells: tf.Tensor
  row: _Row


def _check_grid(context):
  rank = context.shape.rank - 2
  if rank != 2:
    raise ValueError(
      f'two stacks take a grid [h, w], not one of rank {rank}: take a '
      'CausalTransformer or a WaveNet, which take any grid.'
    )
