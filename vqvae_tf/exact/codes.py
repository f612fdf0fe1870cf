"""p(codes | label) of examples, in integers: see `models.CodePrior`."""

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from vqvae_tf.exact import raster
from vqvae_tf.exact.causal import CausalNetwork
from vqvae_tf.exact.grid import ONE, clipped, passes
from vqvae_tf.exact.laws import Interval, Law, Softmax, Uniform
from vqvae_tf.exact.layers import table
from vqvae_tf.exact.structure import Structure
from vqvae_tf.exact.two_stacks import TwoStacks

# What a network sees takes memory.
_EXAMPLES_PER_PASS = 16
# Takes the law of a symbol of each example of a batch to their values.
Read = Callable[[Law], np.ndarray]


class Codes:
  """The codes of examples, and the labels that they are given.

  Args:
    structure: of the model.
    arrays: integers by name.

  Raises:
    ValueError: if they do not fit each other.
  """

  def __init__(self, structure: Structure, arrays: Mapping[str, np.ndarray]):
    self.shape = structure.code_shape
    self.num_classes = structure.num_classes
    self._sizes = structure.codebook_sizes
    self._prior = None
    if structure.prior:
      self._prior = _Prior(structure, arrays)

  def intervals(self, codes: np.ndarray, labels: np.ndarray) -> Interval:
    """Returns where the masses of codes lie.

    Args:
      codes: int `[B, ..., M]`.
      labels: int `[B]`.

    Returns:
      uint32 `[B, N M]`, both, in raster order.
    """
    rows = codes.reshape(-1, len(self._sizes))
    found = Interval(*(np.empty(rows.shape, np.uint32) for _ in range(2)))
    for place, m, law in self._laws(codes, labels):
      own = law.interval(rows[place, m])
      found.starts[place, m], found.masses[place, m] = own
    return Interval(*(x.reshape(len(codes), -1) for x in found))

  def costs(self, codes: np.ndarray) -> np.ndarray:
    """Returns about what codes cost under each label, nats `[classes, B]`.

    Args:
      codes: int `[B, ..., M]`.
    """
    rows = codes.reshape(-1, len(self._sizes))
    costs = np.zeros([self.num_classes, len(rows)])
    for label, cost in enumerate(costs):
      labels = np.full(len(codes), label)
      for place, m, logits in self._prior.logits(codes, labels):
        # The label is in the file: how it was found need not be exact.
        logits -= logits.max(-1, keepdims=True)
        logits = np.float32(logits)
        logits *= 1 / ONE
        own = np.take_along_axis(logits, rows[place, m, np.newaxis], -1)
        cost[place] -= own[:, 0]
        cost[place] += np.log(np.exp(logits, out=logits).sum(-1))
    return costs.reshape(self.num_classes, len(codes), -1).sum(-1)

  def read(self, read: Read, labels: np.ndarray) -> np.ndarray:
    """Returns codes int32 `[B, ..., M]`, read one by one."""
    if self._prior:
      codes = self._prior.read(read, labels)
    else:
      laws = [Uniform(size) for size in self._sizes]
      count = math.prod(self.shape[:-1])
      codes = [[read(law) for law in laws] for _ in range(count)]
      codes = np.moveaxis(np.array(codes), -1, 0)
    return codes.astype(np.int32).reshape(len(labels), *self.shape)

  def _laws(self, codes, labels):
    """Yields a slice of rows, m, and the law of their codes of codebook m."""
    if self._prior:
      for place, m, logits in self._prior.logits(codes, labels):
        yield place, m, Softmax(logits)
    else:
      for m, size in enumerate(self._sizes):
        yield slice(None), m, Uniform(size)


class _Prior:
  """A causal network over the codes, and what it is told."""

  def __init__(self, structure, arrays):
    self._grid = structure.sizes[0]
    self._sizes = structure.codebook_sizes
    self._firsts = np.cumsum([0, *self._sizes])
    settings = structure.prior
    self._network = network(arrays, settings, len(self._sizes))
    name = 'code_prior'
    self._features = table(arrays, f'{name}/codes', (self._firsts[-1], None))
    self._positions = table(arrays, f'{name}/positions', (*self._grid, None))
    self._labels = None
    if settings['num_classes']:
      shape = settings['num_classes'], self._positions.shape[-1]
      self._labels = table(arrays, f'{name}/labels', shape)

  def logits(
    self, codes: np.ndarray, labels: np.ndarray
  ) -> Iterator[tuple[slice, int, np.ndarray]]:
    """Yields logits [n, K_m] of codes of codebook m, a few rows at a time.

    Args:
      codes: int [B, ..., M].
      labels: int [B].

    Yields:
      Which of the B N positions they are of, m, and the logits.
    """
    size, positions = self._features.shape[-1], math.prod(self._grid)
    for first in range(0, len(codes), _EXAMPLES_PER_PASS):
      part = slice(first, first + _EXAMPLES_PER_PASS)
      cells = self._features[self._firsts[:-1] + codes[part]]
      cells = cells.reshape(*codes[part].shape[:-1], -1)
      seen = self._network.see(cells, self._context(labels[part]))
      rows = positions * len(cells)
      seen = [x.reshape(rows, -1) for x in seen]
      cells = cells.reshape(rows, -1)
      for m, own in enumerate(self._sizes):
        for few in passes(rows, own):
          logits = self._network.parameters(
            [x[few] for x in seen], cells[few, : m * size], m
          )
          start = positions * first
          yield (
            slice(start + few.start, start + few.stop),
            m,
            logits[:, :own],
          )

  def read(self, read: Read, labels: np.ndarray) -> np.ndarray:
    """Returns codes [B, N, M]."""
    count, num_codebooks = math.prod(self._grid), len(self._sizes)
    codes = np.empty([len(labels), count, num_codebooks], np.int64)
    cell = np.zeros([len(labels), self._features.shape[-1] * num_codebooks])
    walk = self._network.walk(self._context(labels), cell.shape[-1])
    for t in range(count):
      seen = walk.step(cell)
      cell = cell[:, :0]
      for m, own in enumerate(self._sizes):
        logits = self._network.parameters(seen, cell, m)[:, :own]
        codes[:, t, m] = read(Softmax(logits))
        told = self._features[self._firsts[m] + codes[:, t, m]]
        cell = np.concatenate([cell, told], -1)
    return codes

  def _context(self, labels):
    """Returns what labels [B] and positions tell, [B, ..., E]."""
    shape = [len(labels), *self._positions.shape]
    if self._labels is None:
      return np.broadcast_to(self._positions, shape)
    told = self._labels[labels]
    return clipped(
      self._positions + told.reshape(len(labels), *[1] * len(self._grid), -1)
    )


def network(
  arrays: Mapping[str, np.ndarray], settings: Mapping, num_slots: int
) -> CausalNetwork:
  """Returns the causal network that a structure names.

  Raises:
    ValueError: if there is no such kind, or integers are missing.
  """
  kinds = {
    'pixelcnn': TwoStacks,
    'gated_pixelcnn': TwoStacks,
    'wavenet': raster.WaveNet,
    'causal_transformer': raster.Transformer,
  }
  kind = settings['kind']
  if kind not in kinds:
    raise ValueError(f'there is no network {kind!r:.40}')
  return kinds[kind](arrays, kind, num_slots, settings['num_layers'])
