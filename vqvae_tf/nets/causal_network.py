"""What every causal network over a grid of cells offers."""

import abc
from collections.abc import Callable

import sonnet as snt
import tensorflow as tf

from vqvae_tf.nets.causal import Pointwise

# Residual branches start small beside what they are added to, and outputs near
# zero.
SMALL = 0.1

# What a slot's parameters [B, P] become: `draw` in `CausalNetwork.generate`.
Draw = Callable[[tf.Tensor, tf.Tensor, int], tuple[tf.Tensor, tf.Tensor]]


class CausalNetwork(snt.Module, abc.ABC):
  """Takes what a grid holds to the parameters of p(slot | earlier slots).

  Cells follow each other in raster order, and slots within a cell. A network
  gives each cell features `[..., C]` that see earlier cells alone; from these
  and from the earlier slots of the cell, dense layers give the parameters of a
  slot.

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
      slots: float `[B, h, w, S, F]`, what the slots hold.
      context: float `[B, h, w, E]`, what is known beforehand.
      is_training: whether there is dropout, where the network has any.

    Returns:
      Float `[B, h, w, S, P]`; those of a slot depend on earlier slots alone.
    """

  @abc.abstractmethod
  def generate(
    self, context: tf.Tensor, num_features: int, draw: Draw
  ) -> tf.Tensor:
    """Fills a grid slot by slot, with as much work as one full pass.

    What layers have seen is kept, in a loop that XLA can compile.

    Args:
      context: float `[B, h, w, E]`, h and w known.
      num_features: F.
      draw: takes the parameters `[B, P]` of a slot, the index of its cell in
        raster order (int32 scalar) and the number of the slot to what the slot
        holds, float `[B, F]`, and to what is returned for it, int32 `[B, V]`.

    Returns:
      int32 `[B, h, w, S, V]`, what `draw` returned.
    """

  @snt.once
  def _initialize(self, num_features, context_size):
    """Makes the variables, which the cached steps do not know how to make."""
    with tf.init_scope():
      slots = tf.zeros([1, 1, 1, self.num_slots, num_features])
      self(slots, tf.zeros([1, 1, 1, context_size]))

  def _outputs(self, features, slots):
    """Takes features [..., C] and slots [..., S, F] to [..., S, P]."""
    outputs = [
      slot(features, flat(slots[..., :s, :]))
      for s, slot in enumerate(self._slots)
    ]
    return tf.stack(outputs, -2)

  def _fill_slots(self, features, index, draw):
    """Takes [B, C] to what the cell holds, [B, S F], and values [S, B, V]."""
    cell, values = features[:, :0], []
    for s, slot in enumerate(self._slots):
      held, drawn = draw(slot(features, cell), index, s)
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
  *outer, count, size = slots.shape
  return tf.reshape(slots, [*_sizes(slots, outer), count * size])


def split(cells: tf.Tensor, num_slots: int) -> tf.Tensor:
  """Takes `[..., S P]` to `[..., S, P]`."""
  *outer, size = cells.shape
  shape = [*_sizes(cells, outer), num_slots, size // num_slots]
  return tf.reshape(cells, shape)


def _sizes(tensor, shape):
  return [size or tf.shape(tensor)[k] for k, size in enumerate(shape)]
