"""Blocks: examples to the words of lanes, and back."""

import math
import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from vqvae_tf.codec import container, rans
from vqvae_tf.codec.container import Block
from vqvae_tf.exact.laws import TOTAL_BITS, Interval, Uniform
from vqvae_tf.exact.model import ExactModel
from vqvae_tf.exact.threads import one_core

# A lane more makes reading faster and a file 8 bytes larger: their number
# grows as the root of a block's bytes, which keeps both small.
_MOST_LANES = 64
_ROOTS_PER_LANE = 16
# A block is written when its lanes are all there and carry this much.
_BLOCK_BITS = 8 * _MOST_LANES * 2**14
# Intervals of a block, 8 bytes each, whatever these carry.
_BLOCK_SYMBOLS = 2**23
# Numbers that the decoder gives for the examples read at a time.
_MOST_NUMBERS = 2**24


class Content(NamedTuple):
  """What examples are made of.

  Attributes:
    codes: int32 `[B, ..., M]`.
    labels: int `[B]`, those that the codes are given; of a model without
      classes zeros.
    examples: uint8 `[B, ..., C]`; None: codes are all there is.
  """

  codes: np.ndarray
  labels: np.ndarray
  examples: np.ndarray | None


class Bits(NamedTuple):
  """Bits of the parts of examples, -log2 of their masses.

  Attributes:
    labels, codes, pixels: floats.
  """

  labels: float
  codes: float
  pixels: float


def blocks(
  model: ExactModel,
  contents: Iterable[Content],
  random_access: bool,
  most_examples: int = container.MOST_EXAMPLES,
) -> Iterator[Block]:
  """Yields the blocks of examples, a few of which are in memory.

  Args:
    model: that of the codes and the examples.
    contents: of examples.
    random_access: whether each example has a lane of its own.
    most_examples: of a block, a multiple of 64.
  """
  waiting, bits, symbols, count = [], 0.0, 0, 0
  for content in contents:
    for first in range(0, len(content.codes), _MOST_LANES):
      part = slice(first, first + _MOST_LANES)
      few = _part(content, part)
      with one_core():
        intervals = _intervals(model, few)
      waiting.append((intervals, _checksummed(few)))
      bits += _bits(intervals)
      symbols += intervals.masses.size
      count += len(few.codes)
      is_full = bits >= _BLOCK_BITS or symbols >= _BLOCK_SYMBOLS
      if is_full or count > most_examples - _MOST_LANES:
        yield _block(waiting, bits, random_access)
        waiting, bits, symbols, count = [], 0.0, 0, 0
  if waiting:
    yield _block(waiting, bits, random_access)


def read(
  model: ExactModel, block: Block, lanes: Iterable[int], has_pixels: bool
) -> tuple[list[int], Content, Bits]:
  """Returns the examples of lanes of a block.

  Args:
    model: that wrote it.
    block: from a file.
    lanes: which, in their order.
    has_pixels: whether there is more than codes.

  Returns:
    The numbers of the examples in the block, what they are, and their bits.

  Raises:
    rans.Damaged: if a lane does not end as it should, or its examples do not
      have its checksum.
  """
  lanes = list(lanes)
  fitting = max(1, _MOST_NUMBERS // model.pixels.num_outputs)
  step = min(fitting, _MOST_LANES)

  def of_lanes(few):
    reader, places, rounds = _Reader([block.words[k] for k in few]), [], []
    for start in range(0, block.examples, len(block.words)):
      active = [start + k for k in few if start + k < block.examples]
      places += active
      if active:
        rounds.append(reader.content(model, len(active), has_pixels))
    reader.check(rounds)
    return places, rounds, reader.bits

  groups = [lanes[k : k + step] for k in range(0, len(lanes), step)]
  with one_core():
    places, rounds, bits = zip(*map(of_lanes, groups), strict=True)
  together = (
    None if parts[0] is None else np.concatenate(parts)
    for parts in zip(*sum(rounds, []), strict=True)
  )
  return sum(places, []), Content(*together), Bits(*sum(bits))


class _Reader:
  """Reads what examples are made of, one of each lane at a time."""

  def __init__(self, words):
    self._decoder = rans.Decoder(words)
    self.bits = np.zeros(3)

  def content(self, model, count, has_pixels):
    """Returns the next examples of the first lanes."""
    labels, classes = np.zeros(count, np.int64), model.codes.num_classes
    if classes:
      labels = self._reads(count, 0)(Uniform(classes))
    codes = model.codes.read(self._reads(count, 1), labels)
    examples = None
    if has_pixels:
      examples = model.pixels.read(self._reads(count, 2), codes)
    return Content(codes, labels, examples)

  def check(self, rounds):
    """Checks that the lanes end as they began when they were written."""
    states = self._decoder.finish()
    for lane, state in enumerate(states.tolist()):
      crc = 0
      for content in rounds:
        if lane < len(content.codes):
          crc = zlib.crc32(_checksummed(content)[lane], crc)
      if state != rans.LOWEST + crc:
        raise rans.Damaged('a lane does not have its checksum')

  def _reads(self, count, part):
    def read(law):
      values, interval = law.find(self._decoder.slots(count))
      self._decoder.advance(*interval)
      self.bits[part] += _bits(interval)
      return values

    return read


def _part(content, part):
  return Content(*(x if x is None else x[part] for x in content))


def _intervals(model, content):
  """Returns where the masses of all symbols lie, uint32 [B, S]."""
  parts, classes = [], model.codes.num_classes
  if classes:
    label = Uniform(classes).interval(content.labels)
    parts.append([x[:, np.newaxis] for x in label])
  parts.append(model.codes.intervals(content.codes, content.labels))
  if content.examples is not None:
    parts.append(model.pixels.intervals(content.codes, content.examples))
  return Interval(
    *(np.concatenate(x, 1).astype(np.uint32) for x in zip(*parts, strict=True))
  )


def _block(waiting, bits, random_access):
  """Returns the block of intervals [B, S] and of what is checksummed."""
  starts, masses = (
    np.concatenate(x) for x in zip(*(own for own, _ in waiting), strict=True)
  )
  checksummed = [row for _, rows in waiting for row in rows]
  count, symbols = starts.shape
  lanes = count
  if not random_access:
    fitting = math.isqrt(int(bits / 8)) // _ROOTS_PER_LANE
    lanes = max(1, min(fitting, _MOST_LANES, count))
  crcs = [0] * lanes
  for k, row in enumerate(checksummed):
    crcs[k % lanes] = zlib.crc32(row, crcs[k % lanes])
  rounds = -(-count // lanes)

  def in_lanes(rows):
    # What is not there has no mass.
    padded = np.zeros([rounds * lanes, symbols], np.uint32)
    padded[:count] = rows
    padded = padded.reshape(rounds, lanes, symbols)
    return np.swapaxes(padded, 0, 1).reshape(lanes, -1)

  states = rans.LOWEST + np.array(crcs, np.uint64)
  return Block(count, rans.encode(in_lanes(starts), in_lanes(masses), states))


def _checksummed(content):
  """Returns the bytes of each example that its lane's checksum is of."""
  rows = content.examples
  if rows is None:
    rows = content.codes.astype('<i4')
  return [row.tobytes() for row in rows]


def _bits(interval):
  """Returns the bits that symbols cost."""
  masses = interval.masses.astype(np.float64)
  return masses.size * TOTAL_BITS - float(np.log2(masses).sum())
