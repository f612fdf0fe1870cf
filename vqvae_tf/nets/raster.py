"""Networks over the cells of a grid as one sequence, in raster order."""

import abc

import tensorflow as tf

from vqvae_tf.nets.causal import Pointwise
from vqvae_tf.nets.causal_network import CausalNetwork, Draw, flat
from vqvae_tf.nets.dropout import Dropout


class Raster(CausalNetwork):
  """Cells as a sequence of N = h w, each of which sees the one before it.

  The first layer takes in the cell before, and the context of a cell itself,
  which therefore sees its own context and those of earlier cells. Where a cell
  is in the grid is for the context to say. Sequences are `[N, B, C]`: a step of
  the cached loop takes and gives rows of them.

  Args:
    num_slots: S, the slots of a cell.
    num_outputs: P, the parameters that a slot needs.
    num_hiddens: C, channels of the sequence.
    dropout: share of the values that are dropped in training, in [0, 1).
    seed: of the dropout.
  """

  def __init__(
    self,
    num_slots: int,
    num_outputs: int,
    num_hiddens: int,
    dropout: float,
    seed: int,
    name: str,
  ):
    super().__init__(num_slots, num_outputs, num_hiddens, name)
    self._before = Pointwise(num_hiddens, name='before')
    self._context = Pointwise(num_hiddens, name='context')
    self._dropout = Dropout(dropout, seed)

  @abc.abstractmethod
  def _whole(self, inputs, drop):
    """Takes a sequence `[N, B, C]` to features of the same shape."""

  @abc.abstractmethod
  def _caches(self, known):
    """Returns what is known before the first step of [N, B, C], all float."""

  @abc.abstractmethod
  def _step(self, inputs, t, caches):
    """Takes row t, [B, C], to its features [B, C] and to new caches."""

  def __call__(
    self, slots: tf.Tensor, context: tf.Tensor, is_training: bool = False
  ) -> tf.Tensor:
    """Returns the parameters of all slots: see `CausalNetwork.__call__`."""
    cells = _sequence(flat(slots))
    before = tf.pad(cells[:-1], [[1, 0], [0, 0], [0, 0]])
    inputs = self._before(before) + self._context(_sequence(context))
    features = self._whole(inputs, self._dropout.start(is_training))
    batch, height, width, *_ = slots.shape
    shape = [batch or tf.shape(slots)[0], height, width, inputs.shape[-1]]
    features = tf.reshape(tf.transpose(features, [1, 0, 2]), shape)
    return self._outputs(features, slots)

  def generate(
    self, context: tf.Tensor, num_features: int, draw: Draw
  ) -> tf.Tensor:
    """Fills a grid slot by slot: see `CausalNetwork.generate`."""
    batch, height, width, context_size = context.shape
    self._initialize(num_features, context_size)
    known = self._context(_sequence(context))
    batch = batch or tf.shape(context)[0]
    empty = tf.zeros([batch, self.num_slots * num_features])

    def fill_cell(t, before, caches, values):
      inputs = self._before(before) + known[t]
      features, caches = self._step(inputs, t, caches)
      cell, drawn = self._fill_slots(features, t, draw)
      return t + 1, cell, caches, values.write(t, drawn)

    count = height * width
    values = tf.TensorArray(tf.int32, count)
    start = tf.constant(0), empty, self._caches(known), values
    *_, values = tf.while_loop(lambda t, *_: t < count, fill_cell, start)
    values = values.stack()  # [N, S, B, V]
    shape = [height, width, self.num_slots, batch, values.shape[-1]]
    return tf.transpose(tf.reshape(values, shape), [3, 0, 1, 2, 4])


def _sequence(cells):
  """Takes [B, h, w, C] to [h w, B, C]."""
  batch, height, width, channels = cells.shape
  batch = batch or tf.shape(cells)[0]
  cells = tf.reshape(cells, [batch, height * width, channels])
  return tf.transpose(cells, [1, 0, 2])
