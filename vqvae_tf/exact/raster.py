"""WaveNet and Transformer in integers: see `nets.raster`."""

from collections.abc import Mapping

import numpy as np

from vqvae_tf.exact import tables
from vqvae_tf.exact.causal import CausalNetwork, Walk, gated
from vqvae_tf.exact.grid import ONE, clipped, settle
from vqvae_tf.exact.layers import Affine, table

# Centred activations in a norm: their squares add up exactly.
_WIDEST = 2.0**20
# Queries and keys, of which at most 2^9 are multiplied and added.
_LOUDEST = 2.0**22
_SHARE_BITS = 20
# Sonnet's.
_EPSILON = 1e-5


class Raster(CausalNetwork):
  """Cells as a sequence, each of which sees the one before it.

  Sequences are `[B, N, C]`.
  """

  def __init__(self, arrays, name, num_slots):
    super().__init__(arrays, name, num_slots)
    self.before = Affine(arrays, f'{name}/before')
    self.context = Affine(arrays, f'{name}/context')

  def see(self, cells, context):
    batch, *grid, size = cells.shape
    cells = cells.reshape(batch, -1, size)
    before = np.pad(cells, [(0, 0), (1, 0), (0, 0)])[:, :-1]
    known = self.context(context).reshape(batch, before.shape[1], -1)
    features = self.whole(clipped(self.before(before) + known))
    return [features.reshape(batch, *grid, -1)]


class WaveNet(Raster):
  """Dilated causal convolutions.

  Args:
    arrays: integers by name.
    name: of the network.
    num_slots: S.
    num_layers: how many layers there are.
    cycle: layers after which the dilation starts from 1 again.
  """

  def __init__(
    self,
    arrays: Mapping[str, np.ndarray],
    name: str,
    num_slots: int,
    num_layers: int,
    cycle: int = 10,
  ):
    super().__init__(arrays, name, num_slots)
    self.layers = [
      _Dilated(arrays, f'{name}/layer_{i}', 2 ** (i % cycle))
      for i in range(num_layers)
    ]

  def whole(self, inputs):
    """Takes a sequence to its features."""
    skips = 0
    for layer in self.layers:
      before = np.pad(inputs, [(0, 0), (layer.dilation, 0), (0, 0)])
      inputs, skip = layer(before[:, : inputs.shape[1]], inputs)
      skips = skips + skip
    return clipped(skips + inputs)

  def walk(self, context, cell_size):
    return _WaveNetWalk(self, context)


class _Dilated:
  """A convolution of two taps, its gate, and what it adds."""

  def __init__(self, arrays, name, dilation):
    self.dilation = dilation
    self._taps, self._residual, self._skip = (
      Affine(arrays, f'{name}/{part}') for part in ('taps', 'residual', 'skip')
    )

  def __call__(self, before, inputs):
    passed = gated(self._taps(np.concatenate([before, inputs], -1)))
    return clipped(inputs + self._residual(passed)), self._skip(passed)


class _RasterWalk(Walk):
  """What a step knows of the context, and where it is."""

  def __init__(self, network, context):
    self._network = network
    known = network.context(context)
    self._known = known.reshape(len(known), -1, known.shape[-1])
    self._t = 0

  def _inputs(self, cell):
    return clipped(self._network.before(cell) + self._known[:, self._t])


class _WaveNetWalk(_RasterWalk):
  """The inputs that the taps see."""

  def __init__(self, network, context):
    super().__init__(network, context)
    batch, _, channels = self._known.shape
    # Row t of a layer's inputs is at t mod d, where the one d before it was.
    self._caches = [
      np.zeros([layer.dilation, batch, channels]) for layer in network.layers
    ]

  def step(self, cell):
    inputs, skips = self._inputs(cell), 0
    for layer, cache in zip(self._network.layers, self._caches, strict=True):
      place = self._t % layer.dilation
      before = cache[place].copy()
      cache[place] = inputs
      inputs, skip = layer(before, inputs)
      skips = skips + skip
    self._t += 1
    return [clipped(skips + inputs)]


class Transformer(Raster):
  """Attention to all earlier cells.

  Args:
    arrays: integers by name.
    name: of the network.
    num_slots: S.
    num_layers: how many layers there are.
    num_heads: of each attention.
  """

  def __init__(
    self,
    arrays: Mapping[str, np.ndarray],
    name: str,
    num_slots: int,
    num_layers: int,
    num_heads: int = 4,
  ):
    super().__init__(arrays, name, num_slots)
    self.layers = [
      _Attending(arrays, f'{name}/layer_{i}', num_heads)
      for i in range(num_layers)
    ]
    self.norm = _Norm(arrays, f'{name}/norm')

  def whole(self, inputs):
    """Takes a sequence to its features."""
    places = np.arange(inputs.shape[1])
    is_seen = places <= places[:, np.newaxis]
    for layer in self.layers:
      attended = layer.attend(*layer.heads(inputs), is_seen)
      inputs = layer(inputs, attended)
    return self.norm(inputs)

  def walk(self, context, cell_size):
    return _TransformerWalk(self, context)


class _TransformerWalk(_RasterWalk):
  """Keys and values of each layer."""

  def __init__(self, network, context):
    super().__init__(network, context)
    self._caches = [
      [np.zeros_like(self._known) for _ in range(2)] for _ in network.layers
    ]

  def step(self, cell):
    upto = self._t + 1
    inputs = self._inputs(cell)[:, np.newaxis]
    is_seen = np.ones([1, upto], bool)
    for layer, caches in zip(self._network.layers, self._caches, strict=True):
      query, *own = layer.heads(inputs)
      for cache, row in zip(caches, own, strict=True):
        cache[:, self._t] = row[:, 0]
      seen = (cache[:, :upto] for cache in caches)
      inputs = layer(inputs, layer.attend(query, *seen, is_seen))
    self._t += 1
    return [self._network.norm(inputs)[:, 0]]


class _Attending:
  """Attention and a dense layer, each after a norm."""

  def __init__(self, arrays, name, num_heads):
    self._num_heads = num_heads
    self._heads, self._attention_out, self._dense, self._dense_out = (
      Affine(arrays, f'{name}/{part}')
      for part in ('heads', 'attention_out', 'dense', 'dense_out')
    )
    self._attention_norm, self._dense_norm = (
      _Norm(arrays, f'{name}/{part}')
      for part in ('attention_norm', 'dense_norm')
    )

  def heads(self, inputs):
    """Returns query, key and value of each row, all [B, n, C]."""
    return np.split(self._heads(self._attention_norm(inputs)), 3, -1)

  def attend(self, query, keys, values, is_seen):
    """Takes [B, n, C], twice [B, N, C] and bool [n, N] to [B, n, C]."""
    query, keys = (np.clip(x, -_LOUDEST, _LOUDEST) for x in (query, keys))
    query, keys, values = (self._apart(x) for x in (query, keys, values))
    logits = query @ np.swapaxes(keys, -1, -2)
    logits *= 1 / np.sqrt(float(query.shape[-1])) / ONE
    np.rint(logits, out=logits)
    logits[..., ~is_seen] = -np.inf
    exp = tables.exp()
    places = logits.max(-1, keepdims=True) - logits
    places = np.rint(places * (tables.POINTS / ONE))
    places = np.minimum(places, len(exp) - 1).astype(np.int32)
    shares = exp[places]
    shares *= 2.0**_SHARE_BITS / shares.sum(-1, keepdims=True)
    attended = settle(np.rint(shares) @ values * 2.0**-_SHARE_BITS)
    batch, _, count, _ = attended.shape
    return np.swapaxes(attended, 1, 2).reshape(batch, count, -1)

  def __call__(self, inputs, attended):
    """Adds what was attended, and what dense layers make of it."""
    inputs = clipped(inputs + self._attention_out(attended))
    hidden = _gelu(self._dense(self._dense_norm(inputs)))
    return clipped(inputs + self._dense_out(hidden))

  def _apart(self, rows):
    """Takes [B, n, C] to [B, heads, n, C / heads]."""
    batch, count, _ = rows.shape
    rows = rows.reshape(batch, count, self._num_heads, -1)
    return np.swapaxes(rows, 1, 2)


class _Norm:
  """Sonnet's layer norm: (x - mean) / sqrt(variance + 1e-5) g + b."""

  def __init__(self, arrays, name):
    self._scale = table(arrays, f'{name}/scale', (None,))
    self._offset = table(arrays, f'{name}/offset', self._scale.shape)

  def __call__(self, inputs):
    count = inputs.shape[-1]
    centred = inputs - np.rint(inputs.sum(-1, keepdims=True) / count)
    centred = np.clip(centred, -_WIDEST, _WIDEST)
    variance = (centred * centred).sum(-1, keepdims=True) / count
    variance += _EPSILON * ONE * ONE
    normed = np.rint(centred / np.sqrt(variance) * ONE)
    return clipped(settle(normed * self._scale * (1 / ONE)) + self._offset)


def _gelu(values):
  """Returns x Phi(x)."""
  shares = tables.normal()(values * 2.0**6)
  return settle(values * shares * 2.0**-tables.CDF)
