"""Masses of a symbol as integers that add up to 2^24, each at least 1.

A law is that of one symbol for each of N examples. `interval` tells where the
mass of given values lies, `find` which values have the mass that given slots
are in: the first is for who writes, the second for who reads.
"""

import math
from typing import NamedTuple, Protocol

import numpy as np

from vqvae_tf.exact import tables
from vqvae_tf.exact.grid import passes

# All masses of a law together.
TOTAL_BITS = 24
TOTAL = 2**TOTAL_BITS
LEVELS = 256
# Edges that are looked at first: every 16th.
_COARSE = 16
# Grey levels are counted in units of 2^-14, points of a table in 2^-20.
_UNIT_BITS = 14
_PLACES_PER_UNIT = 2.0**6
# Further from any location than a curve is long, at any scale.
_BEYOND = 2.0**45
_POINTS_PER_UNIT = tables.POINTS / 2.0**_UNIT_BITS
_HALF_POINT = 0.5 / _POINTS_PER_UNIT


class Interval(NamedTuple):
  """Where masses lie; all float64 `[N]`, integers.

  Attributes:
    starts: in [0, 2^24).
    masses: at least 1.
  """

  starts: np.ndarray
  masses: np.ndarray


class Law(Protocol):
  """Masses of a symbol of each of N examples."""

  def interval(self, values: np.ndarray) -> Interval:
    """Returns where the masses of values int `[N]` lie."""

  def find(self, slots: np.ndarray) -> tuple[np.ndarray, Interval]:
    """Returns the values int64 `[N]` whose masses hold slots `[N]`, and these.

    Slots are float64 integers in [0, 2^24).
    """


class Uniform:
  """The same for each of so many values.

  Args:
    count: of values, at most 2^24.
  """

  def __init__(self, count: int):
    self._count = count

  def interval(self, values: np.ndarray) -> Interval:
    starts = self._start(values)
    return Interval(starts, self._start(values + 1) - starts)

  def find(self, slots: np.ndarray) -> tuple[np.ndarray, Interval]:
    # Nearly; the starts are rounded down.
    values = np.floor(slots * self._count / TOTAL)
    values += self._start(values + 1) <= slots
    return values.astype(np.int64), self.interval(values)

  def _start(self, values):
    return np.floor(np.float64(values) * TOTAL / self._count)


class Softmax:
  """exp(l_v) / sum exp(l_u), nearly, of logits.

  With E(v) the sum of integers e_u near 2^32 exp(l_u - max l) over all u < v,
  of n values v begins at v + floor(E(v) / E(n) (2^24 - n)).

  Args:
    logits: float64 `[N, n]`, activations.
  """

  def __init__(self, logits: np.ndarray):
    count, self._size = logits.shape
    # Sums of blocks first, then sums within one: two small searches.
    self._block = 2 ** (math.ceil(math.log2(self._size)) // 2)
    blocks = -(-self._size // self._block)
    padded = np.zeros([count, blocks * self._block])
    for part in passes(count, self._size):
      padded[part, : self._size] = _exp(logits[part])
    self._masses = padded.reshape(count, blocks, self._block)
    sums = np.cumsum(self._masses.sum(-1), -1)
    self._total = sums[:, -1:]
    # Before each block.
    self._sums = np.concatenate([np.zeros([count, 1]), sums[:, :-1]], -1)

  def interval(self, values: np.ndarray) -> Interval:
    values = values.astype(np.int64)[:, np.newaxis]
    sums = self._within(values // self._block)
    places = values % self._block + [[0, 1]]
    starts, ends = _taken(sums, places).T
    return self._interval(values[:, 0], starts, ends)

  def find(self, slots: np.ndarray) -> tuple[np.ndarray, Interval]:
    slots, block = slots[:, np.newaxis], self._block
    firsts = block * np.arange(self._sums.shape[-1])
    # The first block begins at 0, which is in every slot's reach.
    chosen = (self._starts(firsts, self._sums) <= slots).sum(-1) - 1
    chosen = chosen[:, np.newaxis]
    sums = self._within(chosen)
    starts = self._starts(block * chosen + np.arange(block), sums[:, :-1])
    place = (starts <= slots).sum(-1, keepdims=True) - 1
    values = (block * chosen + place)[:, 0]
    starts, ends = _taken(sums, place + [[0, 1]]).T
    return values, self._interval(values, starts, ends)

  def _within(self, blocks):
    """Returns E at the values of blocks [N, 1] and behind, [N, block + 1]."""
    sums = np.concatenate(
      [_taken(self._sums, blocks), _taken(self._masses, blocks)[:, 0]], -1
    )
    return np.cumsum(sums, -1, out=sums)

  def _starts(self, values, sums):
    free = float(TOTAL - self._size)
    return values + np.floor(sums / self._total * free)

  def _interval(self, values, starts, ends):
    both = np.stack([starts, ends], -1)
    starts, ends = self._starts(values[:, np.newaxis] + [[0, 1]], both).T
    return Interval(starts, ends - starts)


def _exp(logits):
  """Returns integers near 2^32 exp(l - max l) of logits [N, n]."""
  # Half a point more, so that cutting digits off rounds.
  places = logits.max(-1, keepdims=True) + _HALF_POINT - logits
  places *= _POINTS_PER_UNIT
  return tables.exp().take(places.astype(np.intp), mode='clip')


class Bins:
  """A mixture of distributions over the line, binned to 256 grey levels.

  With F_k in 2^-28 and weights that add up to 2^24, the mass of all values
  below v is q = sum_k w_k F_k((v - 1/2 - m_k) / s_k) in 2^-52, q(0) = 0 and
  q(256) = 2^52, and v begins at v + floor(floor(q / 2^24) (2^24 - 256) / 2^28).

  Args:
    curve: the distribution function.
    weights: float64 `[N, K]`, integers that add up to 2^24.
    locations: m, float64 `[N, K]`, integers, in 2^-14 grey levels.
    precisions: 1 / s, float64 `[N, K]` of 20 bits, per grey level.
  """

  def __init__(
    self,
    curve: tables.Curve,
    weights: np.ndarray,
    locations: np.ndarray,
    precisions: np.ndarray,
  ):
    self._curve = curve
    self._weights = weights
    self._locations = locations
    self._precisions = precisions

  def interval(self, values: np.ndarray) -> Interval:
    values = values.astype(np.float64)
    edges = np.stack([values, values + 1], -1)
    starts, ends = np.moveaxis(self._starts(edges), -1, 0)
    return Interval(starts, ends - starts)

  def find(self, slots: np.ndarray) -> tuple[np.ndarray, Interval]:
    slots = slots[:, np.newaxis]
    coarse = np.arange(_COARSE, LEVELS, _COARSE, dtype=np.float64)
    edges = coarse + np.zeros_like(slots)
    first = _COARSE * (self._starts(edges) <= slots).sum(-1, keepdims=True)
    starts = self._starts(first + np.arange(_COARSE + 1, dtype=np.float64))
    place = (starts[:, 1:_COARSE] <= slots).sum(-1, keepdims=True)
    start, end = _taken(starts, place + [[0, 1]]).T
    return (first + place)[:, 0], Interval(start, end - start)

  def weights_given(self, values: np.ndarray) -> np.ndarray:
    """Returns the weights of the components when the values are known."""
    values = values.astype(np.float64)
    below, upto = np.moveaxis(
      self._distributions(np.stack([values, values + 1], -1)), -1, 0
    )
    masses = self._weights * (upto - below)
    # What no component has any mass for tells nothing of them.
    is_told = masses.sum(-1, keepdims=True) > 0
    return shares(np.where(is_told, masses, self._weights))

  def _starts(self, edges):
    """Takes edges [N, E], 0 .. 256, to where the values above them begin."""
    sums = np.einsum('nk,nke->ne', self._weights, self._distributions(edges))
    sums = np.floor(sums * 2.0**-TOTAL_BITS)
    sums *= (TOTAL - LEVELS) * 2.0**-tables.CDF
    return edges + np.floor(sums)

  def _distributions(self, edges):
    """Takes edges [N, E] to F of each component, [N, K, E]."""
    levels = edges * 2**_UNIT_BITS - 2 ** (_UNIT_BITS - 1)
    # The values at the ends take the tails.
    levels[edges == 0] = -_BEYOND
    levels[edges == LEVELS] = _BEYOND
    places = levels[:, np.newaxis] - self._locations[..., np.newaxis]
    # Exact: 32 bits times 20.
    places *= self._precisions[..., np.newaxis]
    places *= _PLACES_PER_UNIT
    return self._curve(np.rint(places, out=places))


def shares(masses: np.ndarray) -> np.ndarray:
  """Returns integers near masses `[N, K]` that add up to 2^24.

  What rounding leaves goes to the first of the largest.
  """
  found = np.floor(masses / masses.sum(-1, keepdims=True) * TOTAL)
  largest = masses.argmax(-1)[:, np.newaxis]
  rest = TOTAL - found.sum(-1, keepdims=True)
  held = np.take_along_axis(found, largest, -1)
  np.put_along_axis(found, largest, held + rest, -1)
  return found


def _taken(rows, places):
  """Returns of each row [N, ...] what is at its places [N, k]."""
  # `np.take_along_axis` takes longer to begin.
  return rows[np.arange(len(rows))[:, np.newaxis], places]
