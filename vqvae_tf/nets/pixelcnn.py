"""PixelCNN over a grid of cells, with several slots in each cell."""

from typing import NamedTuple

import sonnet as snt
import tensorflow as tf

from vqvae_tf.nets.causal import Above, Left, Pointwise
from vqvae_tf.nets.causal_network import SMALL, State, flat, split
from vqvae_tf.nets.dropout import kept
from vqvae_tf.nets.two_stacks import TwoStacks


class PixelCNN(TwoStacks):
  """Takes what a grid holds to the parameters of p(slot | earlier slots).

  See `TwoStacks` for what is seen. A layer is

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
    super().__init__(
      num_slots, num_outputs, num_hiddens, num_layers, _Layer, name
    )
    maps = num_slots * num_outputs
    self._linear_above = Above(maps, 1, 3, True, SMALL, name='linear_above')
    self._linear_left = Left(maps, 1, True, SMALL, name='linear_left')

  def __call__(
    self, slots: tf.Tensor, context: tf.Tensor, is_training: bool = False
  ) -> tf.Tensor:
    """Returns the parameters of all slots: see `CausalNetwork.__call__`."""
    del is_training  # There is no dropout.
    cells = flat(slots)
    features = self._features(cells, context, kept)
    linear = self._linear_above(cells) + self._linear_left(cells)
    return self.outputs(features, slots) + split(linear, self.num_slots)

  def step(
    self, state: State, t: tf.Tensor, cell: tf.Tensor
  ) -> tuple['_Seen', State]:
    """Goes on to the next cell: see `CausalNetwork.step`."""
    features, state = super().step(state, t, cell)
    linear = state.row.links[-1][:, t % state.cells.shape[0]]
    linear += self._linear_left.at(state.row.left[0][:, -1:])
    return _Seen(features, split(linear, self.num_slots)), state

  def parameters(
    self, seen: '_Seen', earlier: tf.Tensor, slot: int
  ) -> tf.Tensor:
    """Returns those of a slot: see `CausalNetwork.parameters`."""
    outputs = super().parameters(seen.features, earlier, slot)
    return outputs + seen.linear[:, slot]

  @property
  def _link_sizes(self):
    return [*super()._link_sizes, self._linear_above.channels]

  def _look_above(self, context, windows):
    slid, links = super()._look_above(context, windows)
    return slid, [*links, self._linear_above.at(windows[0][:, -1:])]


class _Seen(NamedTuple):
  """What a cell sees of earlier ones.

  Attributes:
    features: float [B, C].
    linear: float [B, S, P], what is added to the outputs.
  """

  features: tf.Tensor
  linear: tf.Tensor


class _Layer(snt.Module):
  """The convolutions of one layer of both stacks."""

  def __init__(self, num_hiddens: int, name: str):
    super().__init__(name=name)
    self.above = Above(num_hiddens, 2, 3, name='above')
    self.above_out = Pointwise(num_hiddens, SMALL, name='above_out')
    self.link = Pointwise(num_hiddens, name='link')
    self.left = Left(num_hiddens, 2, name='left')
    self.left_out = Pointwise(num_hiddens, SMALL, name='left_out')

  def read(self, stack):
    return tf.nn.relu(stack)

  def look(self, above, seen, drop):
    del drop
    return above + self.above_out(tf.nn.relu(seen))

  def walk(self, left, seen, link, drop):
    del drop
    return left + self.left_out(tf.nn.relu(seen + link))
