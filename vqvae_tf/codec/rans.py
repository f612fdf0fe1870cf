"""Range asymmetric numeral systems: many coders side by side.

A lane is a coder: its state x is an integer in [2^32, 2^48), words have 16
bits, and the masses of a symbol's alternatives add up to 2^24. A symbol of mass
f that starts at c takes the state x to (x // f) 2^24 + x mod f + c; the decoder
undoes that, so symbols are written from the last to the first.

References:
  Duda, Asymmetric numeral systems, 2013 (https://arxiv.org/abs/1311.2540).
"""

import numpy as np

from vqvae_tf.exact.laws import TOTAL, TOTAL_BITS

LOWEST = 2**32
_STATE_BITS = 48
_WORD_BITS = 16
# Of a lane that is finished: its state, highest word first.
STATE_WORDS = _STATE_BITS // _WORD_BITS
_MOST_WORDS = 2


class Damaged(ValueError):
  """A lane does not end where it should."""


def encode(
  starts: np.ndarray, masses: np.ndarray, first_states: np.ndarray
) -> list[np.ndarray]:
  """Returns the words of lanes.

  Args:
    starts: uint32 `[L, N]`, where each symbol's mass begins.
    masses: uint32 `[L, N]`; 0 where a lane has no symbol.
    first_states: uint64 `[L]`, in [2^32, 2^33): what `Decoder.finish` returns.

  Returns:
    uint16 of each lane, in the order in which the decoder wants them.
  """
  lanes, count = starts.shape
  # Symbols first: a step reads one of each lane.
  starts, masses = (np.ascontiguousarray(x.T) for x in (starts, masses))
  words = np.empty([lanes, 2 * count + STATE_WORDS], np.uint16)
  ends = np.full(lanes, words.shape[1])
  states = first_states.astype(np.uint64)
  everyone = np.arange(lanes)
  for start, mass in zip(starts[::-1], masses[::-1], strict=True):
    who = everyone if mass.all() else np.flatnonzero(mass)
    mass, start = mass[who].astype(np.uint64), start[who].astype(np.uint64)
    x = states[who]
    limits = mass << np.uint64(_STATE_BITS - TOTAL_BITS)
    for _ in range(_MOST_WORDS):
      full = np.flatnonzero(x >= limits)
      if not len(full):
        break
      owners = who[full]
      ends[owners] -= 1
      words[owners, ends[owners]] = x[full] & np.uint64(0xFFFF)
      x[full] >>= np.uint64(_WORD_BITS)
    quotients = x // mass
    states[who] = (quotients << np.uint64(TOTAL_BITS)) + (
      x - quotients * mass + start
    )
  for shift in range(0, _STATE_BITS, _WORD_BITS):
    ends -= 1
    words[everyone, ends] = (states >> np.uint64(shift)) & np.uint64(0xFFFF)
  return [row[end:] for row, end in zip(words, ends, strict=True)]


class Decoder:
  """Reads symbols of lanes, one of each lane at a time.

  Args:
    words: uint16 of each lane.

  Raises:
    Damaged: if a lane is too short.
  """

  def __init__(self, words: list[np.ndarray]):
    lengths = np.array([len(own) for own in words])
    if (lengths < STATE_WORDS).any():
      raise Damaged('a lane is shorter than its state')
    self._words = np.concatenate(words).astype(np.uint64)
    self._ends = np.cumsum(lengths)
    self._places = self._ends - lengths
    self._states = np.zeros(len(words), np.uint64)
    for _ in range(STATE_WORDS):
      self._take(np.arange(len(words)))

  def slots(self, count: int) -> np.ndarray:
    """Returns what the next symbol's mass holds, of the first `count` lanes.

    float64 `[count]`, in [0, 2^24).
    """
    slots = self._states[:count] & np.uint64(TOTAL - 1)
    return slots.astype(np.float64)

  def advance(self, starts: np.ndarray, masses: np.ndarray) -> None:
    """Goes on behind a symbol of the first lanes.

    Args:
      starts: float64 `[count]`, where the symbols that hold the slots begin.
      masses: float64 `[count]`, theirs.

    Raises:
      Damaged: if a lane has no words left.
    """
    count = len(starts)
    x = self._states[:count]
    slots = x & np.uint64(TOTAL - 1)
    x = masses.astype(np.uint64) * (x >> np.uint64(TOTAL_BITS)) + slots
    self._states[:count] = x - starts.astype(np.uint64)
    for _ in range(_MOST_WORDS):
      who = np.flatnonzero(self._states[:count] < LOWEST)
      if not len(who):
        return
      self._take(who)
    if (self._states[:count] < LOWEST).any():
      raise Damaged('a lane is in a state that no encoder leaves')

  def finish(self) -> np.ndarray:
    """Returns the first states of the encoder, uint64 `[L]`.

    Raises:
      Damaged: if there are words left.
    """
    if (self._places != self._ends).any():
      raise Damaged('a lane has words left')
    return self._states

  def _take(self, who):
    places = self._places[who]
    if (places >= self._ends[who]).any():
      raise Damaged('a lane has no words left')
    self._states[who] = (
      self._states[who] << np.uint64(_WORD_BITS)
    ) | self._words[places]
    self._places[who] = places + 1
