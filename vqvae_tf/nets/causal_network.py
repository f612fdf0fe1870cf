"""What every causal network over a grid of cells offers."""

import abc
import math
from collections.abc import Callable
from typing import Any

import sonnet as snt
import tensorflow as tf

from vqvae_tf.nets.causal import Pointwise

# Residual branches start small beside what they are added to, and outputs near
# zero.
SMALL = 0.1

# Nests of tensors, each network's own: what it keeps from step to step, and
# what a cell sees of the cells before it and of the context.
State = Any
Seen = Any
# What a slot's parameters [B, P] become: `draw` in `CausalNetwork.generate`.
Draw = Callable[[tf.Tensor, tf.Tensor, int], tuple[tf.Tensor, tf.Tensor]]


class CausalNetwork(snt.Module, abc.ABC):
  """Takes what a grid holds to the parameters of p(slot | earlier slots).

  Cells follow each other in raster order, and slots within a cell. A network
  gives each cell features `[..., C]` that see earlier cells alone; from these
  and from the earlier slots of the cell, dense layers give the parameters of a
  slot. A call judges a whole grid that is known. Who learns of the slots one by
  one, by drawing or by decoding, walks over the cells: `initial_state`, then
  for each cell a `step`, and `parameters` for each of its slots.

  Args:
    num_slots: S, the slots of a cell.
    num_outputs: P, the parameters that a slot needs.
    num_hiddens: C, channels of all layers.
  """

  def __init__(
    self, num_slots: int, num_outputs: int, num_hiddens: int, name: str
  ):
    super().__init__(name=name)
    self.num_slots = num_slots
    self.num_outputs = num_outputs
    self._slots = [
      _Slot(num_hiddens, num_outputs, name=f'slot_{s}')
      for s in range(num_slots)
    ]

  @property
  def output_weights(self) -> list[tf.Variable]:
    """The matrices of the last layers, whose columns are the parameters."""
    return [w for slot in self._slots for w in slot.output_weights]

  @abc.abstractmethod
  def __call__(
    self, slots: tf.Tensor, context: tf.Tensor, is_training: bool = False
  ) -> tf.Tensor:
    """Returns the parameters of all slots in one pass.

    Args:
      slots: float `[B, ..., S, F]`, what the slots hold.
      context: float `[B, ..., E]`, what is known beforehand.
      is_training: whether there is dropout, where the network has any.

    Returns:
      Float `[B, ..., S, P]`; those of a slot depend on earlier slots alone.

    Raises:
      ValueError: if the network takes no such grid.
    """

  def features(
    self, slots: tf.Tensor, context: tf.Tensor, is_training: bool = False
  ) -> tf.Tensor | None:
    """Returns what `outputs` makes parameters of, in one pass.

    Args:
      slots: as for a call.
      context: likewise.
      is_training: likewise.

    Returns:
      Float `[B, ..., C]`; those of a cell see earlier cells alone. None of a
      network whose parameters come of more than these.
    """
    del slots, context, is_training
    return None

  @abc.abstractmethod
  def initial_state(self, context: tf.Tensor, num_features: int) -> State:
    """Returns what a network that walks over the cells knows at the start.

    Args:
      context: float `[B, ..., E]`; of its dimensions B alone may be unknown.
      num_features: F.

    Returns:
      A nest of tensors, whose shapes `step` keeps.

    Raises:
      ValueError: if the network takes no such grid.
    """

  @abc.abstractmethod
  def step(
    self, state: State, t: tf.Tensor, cell: tf.Tensor
  ) -> tuple[Seen, State]:
    """Goes on to the next cell.

    Steps follow each other from t = 0 on. All of them together are as much work
    as one full pass, and give the same numbers up to rounding.

    Args:
      state: what the step before returned, or `initial_state`.
      t: int32 scalar, index of the cell in raster order.
      cell: float `[B, S F]`, what the slots of cell t - 1 hold; zeros if t = 0.

    Returns:
      What cell t sees, for `parameters`, and the state for the next step.
    """

  def outputs(self, features: tf.Tensor, slots: tf.Tensor) -> tf.Tensor:
    """Returns the parameters of all slots of cells, which need no order.

    Args:
      features: float `[..., C]`, of each cell.
      slots: float `[..., S, F]`, what its slots hold.

    Returns:
      Float `[..., S, P]`.
    """
    outputs = [
      slot(features, flat(slots[..., :s, :]))
      for s, slot in enumerate(self._slots)
    ]
    return tf.stack(outputs, -2)

  def parameters(self, seen: Seen, earlier: tf.Tensor, slot: int) -> tf.Tensor:
    """Returns the parameters of p(slot | what is seen, earlier slots).

    Args:
      seen: what `step` says that the cell sees.
      earlier: float `[B, s F]`, what the earlier slots of the cell hold.
      slot: s, the number of the slot.

    Returns:
      Float `[B, P]`.
    """
    return self._slots[slot](seen, earlier)

  def generate(
    self, context: tf.Tensor, num_features: int, draw: Draw
  ) -> tf.Tensor:
    """Fills a grid slot by slot, in a loop of steps that XLA can compile.

    Args:
      context: float `[B, ..., E]`; of its dimensions B alone may be unknown.
      num_features: F.
      draw: takes the parameters `[B, P]` of a slot, the index of its cell in
        raster order (int32 scalar) and the number of the slot to what the slot
        holds, float `[B, F]`, and to what is returned for it, int32 `[B, V]`.

    Returns:
      int32 `[B, ..., S, V]`, what `draw` returned.

    Raises:
      ValueError: if the network takes no such grid.
    """
    batch, *grid, _ = sizes(context)
    count = math.prod(grid)

    def fill_cell(t, state, cell, values):
      seen, state = self.step(state, t, cell)
      cell, drawn = self._fill_slots(seen, cell[:, :0], t, draw)
      return t + 1, state, cell, values.write(t, drawn)

    start = (
      tf.constant(0),
      self.initial_state(context, num_features),
      tf.zeros([batch, self.num_slots * num_features]),
      tf.TensorArray(tf.int32, count),
    )
    *_, values = tf.while_loop(lambda t, *_: t < count, fill_cell, start)
    values = values.stack()  # [N, S, B, V]
    shape = [batch, *grid, self.num_slots, values.shape[-1]]
    return tf.reshape(tf.transpose(values, [2, 0, 1, 3]), shape)

  @snt.once
  def _initialize(self, context, num_features):
    """Makes the variables, which the steps do not know how to make."""
    with tf.init_scope():
      cell = [1] * (context.shape.rank - 1)
      slots = tf.zeros([*cell, self.num_slots, num_features])
      self(slots, tf.zeros([*cell, context.shape[-1]]))

  def _fill_slots(self, seen, cell, t, draw):
    """Fills cell t, [B, 0]: returns it, [B, S F], and values [S, B, V]."""
    values = []
    for s in range(self.num_slots):
      held, drawn = draw(self.parameters(seen, cell, s), t, s)
      cell = tf.concat([cell, held], -1)
      values.append(drawn)
    return cell, tf.stack(values)


class _Slot(snt.Module):
  """From the features of a cell and its earlier slots to one slot's outputs."""

  def __init__(self, num_hiddens: int, num_outputs: int, name: str):
    super().__init__(name=name)
    self._cell = Pointwise(num_hiddens, name='cell')
    self._earlier = Pointwise(num_hiddens, name='earlier')
    self._hidden = Pointwise(num_hiddens, name='hidden')
    self._residual = Pointwise(num_hiddens, SMALL, name='residual')
    self._out = Pointwise(num_outputs, SMALL, name='out')
    self._linear = Pointwise(num_outputs, SMALL, name='linear')

  @property
  def output_weights(self):
    # The first slot has no earlier ones, and no use for `linear`.
    layers = self._out, self._linear
    return [layer.w for layer in layers if hasattr(layer, 'w')]

  def __call__(self, features, earlier):
    """Takes [..., C] and [..., s F] to [..., P]."""
    outputs = self._cell(tf.nn.relu(features))
    if earlier.shape[-1]:
      outputs += self._earlier(earlier)
    outputs += self._residual(tf.nn.relu(self._hidden(tf.nn.relu(outputs))))
    outputs = self._out(tf.nn.relu(outputs))
    return outputs + self._linear(earlier) if earlier.shape[-1] else outputs


def flat(slots: tf.Tensor) -> tf.Tensor:
  """Takes `[..., S, F]` to `[..., S F]`."""
  *outer, count, size = sizes(slots)
  return tf.reshape(slots, [*outer, count * size])


def split(cells: tf.Tensor, num_slots: int) -> tf.Tensor:
  """Takes `[..., S P]` to `[..., S, P]`."""
  *outer, size = sizes(cells)
  return tf.reshape(cells, [*outer, num_slots, size // num_slots])


def sizes(tensor: tf.Tensor) -> list[int | tf.Tensor]:
  """Returns the shape: an integer for each dimension that is known."""
  return [size or tf.shape(tensor)[k] for k, size in enumerate(tensor.shape)]
