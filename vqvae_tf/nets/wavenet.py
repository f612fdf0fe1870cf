"""WaveNet: dilated causal convolutions over the cells in raster order."""

import sonnet as snt
import tensorflow as tf

from vqvae_tf.nets.causal import Pointwise, gated
from vqvae_tf.nets.causal_network import SMALL
from vqvae_tf.nets.dropout import kept
from vqvae_tf.nets.raster import Raster


class WaveNet(Raster):
  """Takes what a grid holds to the parameters of p(slot | earlier slots).

  For sequences, and for grids in raster order: see `Raster`. Layer l is

      z_t = gate(W [x_{t-d}, x_t] + h_t),  gate([a, b]) = tanh(a) sigma(b)
      x_t = x_t + U z_t,  skip_t = skip_t + V z_t,  d = 2^(l mod cycle)

  with x = 0 before the first cell, and then each slot has dense layers over
  x + skip and the slots before it. A cell sees as many cells before it as 1 and
  the sum of all d. The context enters once, at the first layer; that of a
  `ConditionedWaveNet` also as h in each, which is 0 here.

  Args:
    num_slots: S, the slots of a cell.
    num_outputs: P, the parameters that a slot needs.
    num_hiddens: channels of all layers.
    num_layers: how many layers there are.
    cycle: layers after which d starts from 1 again.
    dropout: share of what passes a gate that is dropped in training, in [0, 1).
    seed: of the dropout.

  References:
    van den Oord et al., WaveNet: A Generative Model for Raw Audio, 2016
    (https://arxiv.org/abs/1609.03499); the caches: Le Paine et al., Fast
    Wavenet Generation Algorithm, 2016 (https://arxiv.org/abs/1611.09482).
  """

  # Whether the context enters each layer.
  is_conditioned = False

  def __init__(
    self,
    num_slots: int,
    num_outputs: int,
    num_hiddens: int,
    num_layers: int,
    cycle: int = 10,
    dropout: float = 0.0,
    seed: int = 0,
    name: str = 'wavenet',
  ):
    # A gate has two halves.
    num_known = 2 * num_hiddens * num_layers if self.is_conditioned else 0
    super().__init__(
      num_slots, num_outputs, num_hiddens, dropout, seed, name, num_known
    )
    self._layers = [
      _Layer(num_hiddens, 2 ** (i % cycle), name=f'layer_{i}')
      for i in range(num_layers)
    ]

  def _known(self, known):
    """Returns what each layer knows of the context: [..., 2 C], or 0."""
    if not known.shape[-1]:
      return [0.0] * len(self._layers)
    return tf.split(known, len(self._layers), -1)

  def _whole(self, inputs, known, drop):
    skips = []
    for layer, own in zip(self._layers, self._known(known), strict=True):
      # No more rows than there are: a longer way back leads before the first.
      before = tf.pad(inputs, [[layer.dilation, 0], [0, 0], [0, 0]])
      before = before[: inputs.shape[0]]
      inputs, skip = layer(before, inputs, own, drop)
      skips.append(skip)
    return tf.add_n([*skips, inputs])

  def _caches(self, known):
    # Row t of a layer's inputs is at t mod d, where the one d before it was.
    return [
      tf.zeros_like(known[:1]) + tf.zeros([layer.dilation, 1, 1])
      for layer in self._layers
    ]

  def _step(self, inputs, known, t, caches):
    skips, written = [], []
    layers = zip(self._layers, caches, self._known(known), strict=True)
    for layer, cache, own in layers:
      place = t % layer.dilation
      new = tf.tensor_scatter_nd_update(cache, [[place]], [inputs])
      inputs, skip = layer(cache[place], inputs, own, kept)
      skips.append(skip)
      written.append(new)
    return tf.add_n([*skips, inputs]), written


class ConditionedWaveNet(WaveNet):
  """A WaveNet each of whose layers sees the context: h_t = V context_t.

  For sound, whose codes are far apart: what they say of a moment is needed in
  every layer. Arguments are those of `WaveNet`.
  """

  is_conditioned = True


class _Layer(snt.Module):
  """A convolution of two taps, its gate, and what it adds."""

  def __init__(self, num_hiddens: int, dilation: int, name: str):
    super().__init__(name=name)
    self.dilation = dilation
    self._taps = Pointwise(2 * num_hiddens, name='taps')
    self._residual = Pointwise(num_hiddens, SMALL, name='residual')
    self._skip = Pointwise(num_hiddens, name='skip')

  def __call__(self, before, inputs, known, drop):
    """Returns [..., C], the next layer's inputs, and [..., C], the skip."""
    taps = self._taps(tf.concat([before, inputs], -1)) + known
    passed = drop(gated(taps))
    return inputs + self._residual(passed), self._skip(passed)
