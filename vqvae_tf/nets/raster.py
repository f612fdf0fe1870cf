"""Networks over the cells of a grid as one sequence, in raster order."""

import abc
import math
from typing import Any, NamedTuple

import tensorflow as tf

from vqvae_tf.nets.causal import Pointwise
from vqvae_tf.nets.causal_network import CausalNetwork, flat, sizes
from vqvae_tf.nets.dropout import Dropout


class Raster(CausalNetwork):
  """Cells as a sequence of N, each of which sees the one before it.

  The grid may have any number of dimensions. The first layer takes in the cell
  before, and the context of a cell itself, which therefore sees its own context
  and those of earlier cells. Where a cell is in the grid is for the context to
  say. Sequences are `[N, B, C]`: a step takes and gives rows of them.

  Args:
    num_slots: S, the slots of a cell.
    num_outputs: P, the parameters that a slot needs.
    num_hiddens: C, channels of the sequence.
    dropout: share of the values that are dropped in training, in [0, 1).
    seed: of the dropout.
    num_known: channels of the context beyond those that enter the first layer.
  """

  def __init__(
    self,
    num_slots: int,
    num_outputs: int,
    num_hiddens: int,
    dropout: float,
    seed: int,
    name: str,
    num_known: int = 0,
  ):
    super().__init__(num_slots, num_outputs, num_hiddens, name)
    self._before = Pointwise(num_hiddens, name='before')
    self._num_hiddens = num_hiddens
    self._context = Pointwise(num_hiddens + num_known, name='context')
    self._dropout = Dropout(dropout, seed)

  @abc.abstractmethod
  def _whole(self, inputs, known, drop):
    """Takes a sequence `[N, B, C]` to features of the same shape.

    `known`, `[N, B, num_known]`, is what else the context says of its cells.
    """

  @abc.abstractmethod
  def _caches(self, known):
    """Returns what is known before the first step of [N, B, C], all float."""

  @abc.abstractmethod
  def _step(self, inputs, known, t, caches):
    """Takes row t, [B, C], to its features [B, C] and to new caches."""

  def __call__(
    self, slots: tf.Tensor, context: tf.Tensor, is_training: bool = False
  ) -> tf.Tensor:
    """Returns the parameters of all slots: see `CausalNetwork.__call__`."""
    return self.outputs(self.features(slots, context, is_training), slots)

  def features(
    self, slots: tf.Tensor, context: tf.Tensor, is_training: bool = False
  ) -> tf.Tensor:
    """Returns what parameters are made of: see `CausalNetwork.features`."""
    cells = _sequence(flat(slots))
    before = tf.pad(cells[:-1], [[1, 0], [0, 0], [0, 0]])
    first, known = self._split(self._context(_sequence(context)))
    inputs = self._before(before) + first
    features = self._whole(inputs, known, self._dropout.start(is_training))
    shape = [*sizes(slots)[:-2], inputs.shape[-1]]
    return tf.reshape(tf.transpose(features, [1, 0, 2]), shape)

  def initial_state(self, context: tf.Tensor, num_features: int) -> '_State':
    """Returns what is known: see `CausalNetwork.initial_state`."""
    self._initialize(context, num_features)
    known = self._context(_sequence(context))
    return _State(known, self._caches(self._split(known)[0]))

  def step(
    self, state: '_State', t: tf.Tensor, cell: tf.Tensor
  ) -> tuple[tf.Tensor, '_State']:
    """Goes on to the next cell: see `CausalNetwork.step`."""
    first, known = self._split(state.known[t])
    inputs = self._before(cell) + first
    features, caches = self._step(inputs, known, t, state.caches)
    return features, _State(state.known, caches)

  def _split(self, known):
    """Returns what enters the first layer, [..., C], and what else is known."""
    return known[..., : self._num_hiddens], known[..., self._num_hiddens :]


class _State(NamedTuple):
  """What a step knows.

  Attributes:
    known: float [N, B, C + num_known], what the layers take of the context.
    caches: what the layers keep of earlier cells.
  """

  known: tf.Tensor
  caches: Any


def _sequence(cells):
  """Takes [B, ..., C] to [N, B, C]."""
  batch, *grid, channels = sizes(cells)
  cells = tf.reshape(cells, [batch, math.prod(grid), channels])
  return tf.transpose(cells, [1, 0, 2])
