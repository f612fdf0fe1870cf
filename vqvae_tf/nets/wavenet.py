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

      z_t = gate(W [x_{t-d}, x_t]),  gate([a, b]) = tanh(a) sigma(b)
      x_t = x_t + U z_t,  skip_t = skip_t + V z_t,  d = 2^(l mod cycle)

  with x = 0 before the first cell, and then each slot has dense layers over
  x + skip and the slots before it. A cell sees as many cells before it as 1 and
  the sum of all d. The context enters once, at the first layer.

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
    super().__init__(num_slots, num_outputs, num_hiddens, dropout, seed, name)
    self._layers = [
      _Layer(num_hiddens, 2 ** (i % cycle), name=f'layer_{i}')
      for i in range(num_layers)
    ]

  def _whole(self, inputs, drop):
    skips = []
    for layer in self._layers:
      # No more rows than there are: a longer way back leads before the first.
      before = tf.pad(inputs, [[layer.dilation, 0], [0, 0], [0, 0]])
      before = before[: inputs.shape[0]]
      inputs, skip = layer(before, inputs, drop)
      skips.append(skip)
    return tf.add_n([*skips, inputs])

  def _caches(self, known):
    # Row t of a layer's inputs is at t mod d, where the one d before it was.
    return [
      tf.zeros_like(known[:1]) + tf.zeros([layer.dilation, 1, 1])
      for layer in self._layers
    ]

  def _step(self, inputs, t, caches):
    skips, written = [], []
    for layer, cache in zip(self._layers, caches, strict=True):
      place = t % layer.dilation
      new = tf.tensor_scatter_nd_update(cache, [[place]], [inputs])
      inputs, skip = layer(cache[place], inputs, kept)
      skips.append(skip)
      written.append(new)
    return tf.add_n([*skips, inputs]), written


class _Layer(snt.Module):
  """A convolution of two taps, its gate, and what it adds."""

  def __init__(self, num_hiddens: int, dilation: int, name: str):
    super().__init__(name=name)
    self.dilation = dilation
    self._taps = Pointwise(2 * num_hiddens, name='taps')
    self._residual = Pointwise(num_hiddens, SMALL, name='residual')
    self._skip = Pointwise(num_hiddens, name='skip')

  def __call__(self, before, inputs, drop):
    """Returns [..., C], the next layer's inputs, and [..., C], the skip."""
    passed = drop(gated(self._taps(tf.concat([before, inputs], -1))))
    return inputs + self._residual(passed), self._skip(passed)
