"""A causal Transformer over the cells in raster order."""

import math

import sonnet as snt
import tensorflow as tf

from vqvae_tf.nets.causal import Pointwise
from vqvae_tf.nets.causal_network import SMALL, flat, split
from vqvae_tf.nets.dropout import kept
from vqvae_tf.nets.raster import Raster

# The logit of what may not be seen, whose share is then exactly zero.
_UNSEEN = -1e9


class CausalTransformer(Raster):
  """Takes what a grid holds to the parameters of p(slot | earlier slots).

  A cell attends to itself and to all cells before it, in raster order: see
  `Raster`. A layer is

      x = x + W attention(norm(x)),  x = x + U gelu(V norm(x))
      attention(x)_t = sum_{s <= t} softmax_s(q_t . k_s / sqrt(C / heads)) v_s

  for each head, and then each slot has dense layers over norm(x) and the slots
  before it. The context enters once, at the first layer.

  Args:
    num_slots: S, the slots of a cell.
    num_outputs: P, the parameters that a slot needs.
    num_hiddens: C, channels of all layers; V has 4 C.
    num_layers: how many layers there are.
    num_heads: of each attention; a divisor of C.
    dropout: share of what a layer adds that is dropped in training, in [0, 1).
    seed: of the dropout.

  Raises:
    ValueError: if the channels have no equal parts for the heads.

  References:
    Vaswani et al., Attention Is All You Need, 2017
    (https://arxiv.org/abs/1706.03762); norms before the layers: Xiong et al.,
    On Layer Normalization in the Transformer Architecture, 2020
    (https://arxiv.org/abs/2002.04745).
  """

  def __init__(
    self,
    num_slots: int,
    num_outputs: int,
    num_hiddens: int,
    num_layers: int,
    num_heads: int = 4,
    dropout: float = 0.0,
    seed: int = 0,
    name: str = 'causal_transformer',
  ):
    if num_hiddens % num_heads:
      raise ValueError(
        f'{num_hiddens} channels have no {num_heads} equal parts: num_hiddens '
        'must be a multiple of num_heads.'
      )
    super().__init__(num_slots, num_outputs, num_hiddens, dropout, seed, name)
    self._layers = [
      _Layer(num_hiddens, num_heads, name=f'layer_{i}')
      for i in range(num_layers)
    ]
    self._norm = _norm('norm')

  def _whole(self, inputs, known, drop):
    del known
    places = tf.range(inputs.shape[0])
    is_seen = places <= places[:, tf.newaxis]
    for layer in self._layers:
      query, keys, values = layer.heads(inputs)
      attended = layer.attend(query, keys, values, is_seen)
      inputs = layer(inputs, attended, drop)
    return self._norm(inputs)

  def _caches(self, known):
    # Keys and values of each layer.
    return [tf.zeros_like(known) for _ in range(2 * len(self._layers))]

  def _step(self, inputs, known, t, caches):
    del known
    inputs = inputs[tf.newaxis]
    is_seen = tf.range(caches[0].shape[0])[tf.newaxis] <= t
    written = []
    for i, layer in enumerate(self._layers):
      query, *own = layer.heads(inputs)
      seen = [
        tf.tensor_scatter_nd_update(cache, [[t]], row)
        for cache, row in zip(caches[2 * i : 2 * i + 2], own, strict=True)
      ]
      keys, values = seen
      attended = layer.attend(query, keys, values, is_seen)
      inputs = layer(inputs, attended, kept)
      written += seen
    return self._norm(inputs)[0], written


class _Layer(snt.Module):
  """Attention and a dense layer, each after a norm."""

  def __init__(self, num_hiddens: int, num_heads: int, name: str):
    super().__init__(name=name)
    self._num_heads = num_heads
    self._attention_norm = _norm('attention_norm')
    self._heads = Pointwise(3 * num_hiddens, name='heads')
    self._attention_out = Pointwise(num_hiddens, SMALL, name='attention_out')
    self._dense_norm = _norm('dense_norm')
    self._dense = Pointwise(4 * num_hiddens, name='dense')
    self._dense_out = Pointwise(num_hiddens, SMALL, name='dense_out')

  def heads(self, inputs):
    """Returns query, key and value of each row, all [n, B, C]."""
    return tf.split(self._heads(self._attention_norm(inputs)), 3, -1)

  def attend(self, query, keys, values, is_seen):
    """Takes [n, B, C], twice [N, B, C] and bool [n, N] to [n, B, C]."""
    query, keys, values = (
      split(rows, self._num_heads) for rows in (query, keys, values)
    )
    logits = tf.einsum('qbhd,kbhd->bhqk', query, keys)
    logits = tf.where(is_seen, logits / math.sqrt(query.shape[-1]), _UNSEEN)
    shares = tf.nn.softmax(logits)
    return flat(tf.einsum('bhqk,kbhd->qbhd', shares, values))

  def __call__(self, inputs, attended, drop):
    """Adds what was attended, and what dense layers make of it."""
    inputs += drop(self._attention_out(attended))
    hidden = tf.nn.gelu(self._dense(self._dense_norm(inputs)))
    return inputs + drop(self._dense_out(hidden))


def _norm(name):
  return snt.LayerNorm(-1, create_scale=True, create_offset=True, name=name)
