"""PixelCNN and gated PixelCNN in integers: see `nets.two_stacks`."""

from collections.abc import Mapping

import numpy as np

from vqvae_tf.exact.causal import CausalNetwork, Walk, gated
from vqvae_tf.exact.grid import clipped, relu
from vqvae_tf.exact.layers import Affine, convolve


class TwoStacks(CausalNetwork):
  """A stack over rows and one along a row.

  Args:
    arrays: integers by name.
    name: 'pixelcnn' or 'gated_pixelcnn'.
    num_slots: S.
    num_layers: of both stacks.
  """

  def __init__(
    self,
    arrays: Mapping[str, np.ndarray],
    name: str,
    num_slots: int,
    num_layers: int,
  ):
    super().__init__(arrays, name, num_slots)
    layer = _Gated if name == 'gated_pixelcnn' else _Rectified
    self.context = Affine(arrays, f'{name}/context')
    self.above = Affine(arrays, f'{name}/above')
    self.left = Affine(arrays, f'{name}/left')
    self.layers = [
      layer(arrays, f'{name}/layer_{i}') for i in range(num_layers)
    ]
    # A PixelCNN adds linear functions of neighbours to its outputs.
    self.linear = [
      Affine(arrays, f'{name}/linear_{part}')
      for part in ('above', 'left')
      if f'{name}/linear_{part}/w' in arrays
    ]

  def see(self, cells, context):
    above, left = np.split(self.context(context), 2, -1)
    # A strict convolution does not see its own row, or column.
    earlier_rows = np.pad(cells, [(0, 0), (1, 0), (0, 0), (0, 0)])[:, :-1]
    earlier = np.pad(cells, [(0, 0), (0, 0), (1, 0), (0, 0)])[:, :, :-1]
    above = clipped(above + _over_rows(self.above, earlier_rows))
    left = clipped(left + _along_row(self.left, earlier))
    for layer in self.layers:
      above = layer.join(
        above, layer.above_out, _over_rows(layer.above, layer.read(above))
      )
      seen = _along_row(layer.left, layer.read(left))
      left = layer.join(left, layer.left_out, clipped(seen + layer.link(above)))
    if not self.linear:
      return [left]
    linear = _over_rows(self.linear[0], earlier_rows)
    linear = clipped(linear + _along_row(self.linear[1], earlier))
    return [left, linear]

  def walk(self, context, cell_size):
    return _Walk(self, context, cell_size)

  def parameters(self, seen, earlier, slot):
    outputs = super().parameters(seen, earlier, slot)
    if not self.linear:
      return outputs
    count = self.num_outputs
    return clipped(outputs + seen[1][:, count * slot : count * (slot + 1)])


class _Walk(Walk):
  """The windows that the convolutions see."""

  def __init__(self, network, context, cell_size):
    self._network = network
    self._above, self._left = np.split(network.context(context), 2, -1)
    batch, _, width, _ = context.shape
    self._t, self._width = 0, width
    self._cells = np.zeros([batch, width, cell_size])
    # Rows above the current one, of the cells and of each layer's inputs.
    self._rows = [
      np.zeros([batch, x.w.shape[0], width, x.w.shape[2]])
      for x in (network.above, *(layer.above for layer in network.layers))
    ]
    # Cells to the left of the current one, likewise.
    self._windows = [
      np.zeros([batch, x.w.shape[1] * x.w.shape[2]])
      for x in (network.left, *(layer.left for layer in network.layers))
    ]

  def step(self, cell):
    network, windows = self._network, self._windows
    row, column = divmod(self._t, self._width)
    if self._t:
      self._cells[:, column - 1] = cell
    if column:
      windows[0] = _pushed(windows[0], cell)
    else:
      self._next_row(row)
    left = self._left[:, row, column] + network.left(windows[0])
    left = clipped(left)
    for k, layer in enumerate(network.layers, 1):
      windows[k] = _pushed(windows[k], layer.read(left))
      link = self._links[k - 1][:, column]
      seen = clipped(layer.left(windows[k]) + link)
      left = layer.join(left, layer.left_out, seen)
    self._t += 1
    if not network.linear:
      return [left]
    linear = network.linear[1](windows[0][:, -cell.shape[1] :])
    return [left, clipped(linear + self._links[-1][:, column])]

  def _next_row(self, row):
    """Looks at the rows above, and forgets what was to the left."""
    network, rows = self._network, self._rows
    rows[0] = _slid(rows[0], self._cells)
    above = self._above[:, row] + _at(network.above, rows[0])
    above = clipped(above)
    self._links = []
    for k, layer in enumerate(network.layers, 1):
      rows[k] = _slid(rows[k], layer.read(above))
      above = layer.join(above, layer.above_out, _at(layer.above, rows[k]))
      self._links.append(layer.link(above))
    if network.linear:
      self._links.append(_at(network.linear[0], rows[0][:, -1:]))
    for window in self._windows:
      window[:] = 0


class _Rectified:
  """A layer of a PixelCNN."""

  def __init__(self, arrays, name):
    self.above, self.above_out, self.link, self.left, self.left_out = (
      Affine(arrays, f'{name}/{part}')
      for part in ('above', 'above_out', 'link', 'left', 'left_out')
    )

  def read(self, stack):
    return relu(stack)

  def join(self, stack, out, seen):
    return clipped(stack + out(relu(seen)))


class _Gated(_Rectified):
  """A layer of a gated PixelCNN."""

  def read(self, stack):
    return stack

  def join(self, stack, out, seen):
    return clipped(stack + out(gated(seen)))


def _over_rows(layer: Affine, inputs: np.ndarray) -> np.ndarray:
  rows, columns = layer.w.shape[:2]
  return convolve(layer, inputs, [(rows - 1, 0), _sides(columns)])


def _along_row(layer: Affine, inputs: np.ndarray) -> np.ndarray:
  return convolve(layer, inputs, [(0, 0), (layer.w.shape[1] - 1, 0)])


def _at(layer: Affine, window: np.ndarray) -> np.ndarray:
  """Takes a window [B, rows, w, C] to a row [B, w, channels]."""
  return convolve(layer, window, [(0, 0), _sides(layer.w.shape[1])])[:, 0]


def _sides(columns: int) -> tuple[int, int]:
  return columns // 2, columns // 2


def _pushed(window: np.ndarray, cell: np.ndarray) -> np.ndarray:
  """Takes a window [B, columns C] and its next cell [B, C] to a window."""
  return np.concatenate([window[:, cell.shape[1] :], cell], -1)


def _slid(window: np.ndarray, row: np.ndarray) -> np.ndarray:
  """Takes a window [B, rows, w, C] and its next row to a window."""
  return np.concatenate([window[:, 1:], row[:, np.newaxis]], 1)
