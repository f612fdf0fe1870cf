"""Gated PixelCNN over a grid of cells, with several slots in each cell."""

import sonnet as snt
import tensorflow as tf

from vqvae_tf.nets.causal import Above, Left, Pointwise, gated
from vqvae_tf.nets.causal_network import SMALL, flat
from vqvae_tf.nets.dropout import Dropout
from vqvae_tf.nets.two_stacks import TwoStacks


class GatedPixelCNN(TwoStacks):
  """Takes what a grid holds to the parameters of p(slot | earlier slots).

  See `TwoStacks` for what is seen, and where the context enters. A layer is

      above = above + W gate(above * k_2x3),  gate([a, b]) = tanh(a) sigma(b)
      left  = left  + U gate(left * k_1x2 + V above)

  and then each slot has dense layers over `left` and the slots before it. In
  the paper `above` has no residual connection, and the context enters each
  layer; here the residual connections carry it to all of them.

  Args:
    num_slots: S, the slots of a cell.
    num_outputs: P, the parameters that a slot needs.
    num_hiddens: channels of all layers.
    num_layers: layers of the two stacks.
    dropout: share of what passes a gate that is dropped in training, in [0, 1).
    seed: of the dropout.

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
    dropout: float = 0.0,
    seed: int = 0,
    name: str = 'gated_pixelcnn',
  ):
    super().__init__(
      num_slots, num_outputs, num_hiddens, num_layers, _Layer, name
    )
    self._dropout = Dropout(dropout, seed)

  def __call__(
    self, slots: tf.Tensor, context: tf.Tensor, is_training: bool = False
  ) -> tf.Tensor:
    """Returns the parameters of all slots: see `CausalNetwork.__call__`."""
    return self.outputs(self.features(slots, context, is_training), slots)

  def features(
    self, slots: tf.Tensor, context: tf.Tensor, is_training: bool = False
  ) -> tf.Tensor:
    """Returns what parameters are made of: see `CausalNetwork.features`."""
    drop = self._dropout.start(is_training)
    return self._features(flat(slots), context, drop)


class _Layer(snt.Module):
  """The convolutions of one layer of both stacks."""

  def __init__(self, num_hiddens: int, name: str):
    super().__init__(name=name)
    self.above = Above(2 * num_hiddens, 2, 3, name='above')
    self.above_out = Pointwise(num_hiddens, SMALL, name='above_out')
    self.link = Pointwise(2 * num_hiddens, name='link')
    self.left = Left(2 * num_hiddens, 2, name='left')
    self.left_out = Pointwise(num_hiddens, SMALL, name='left_out')

  def read(self, stack):
    return stack

  def look(self, above, seen, drop):
    return above + self.above_out(drop(gated(seen)))

  def walk(self, left, seen, link, drop):
    return left + self.left_out(drop(gated(seen + link)))
