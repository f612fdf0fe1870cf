"""The file: a header, the words of all lanes, and an index behind them.

    'VQZ' | version 1 B | kind 1 B | fingerprint of the model 8 B
    words of the lanes, 2 B each, one lane after the other
    index, of varints:
      number of runs, and for each: images, their height, their width
      number of blocks, and for each: examples, lanes, words of each lane
    CRC-32 of header and index 4 B | bytes of the index 4 B

Numbers are little-endian; a varint has 7 bits to a byte, the lowest first, and
the high bit where more follow. Without runs, images are as the model has them;
with runs they are cut into examples: see `tiles`. As the index comes last, a
file is written while its images come in.
"""

import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import BinaryIO, NamedTuple

import numpy as np

from vqvae_tf.codec.rans import STATE_WORDS

MAGIC = b'VQZ'
VERSION = 1
LOSSLESS, CODES = 0, 1
_KINDS = {LOSSLESS: 'lossless', CODES: 'codes'}
_HEADER = struct.Struct('<3sBB8s')
_TRAILER = struct.Struct('<II')
# Of a block, whatever an index says: what is decoded at a time is in memory.
MOST_EXAMPLES = 2**16
# Images of a run, and pixels of their sides.
_MOST_OF_RUN = (2**40, 2**20, 2**20)
_VARINT_BYTES = 8


class Block(NamedTuple):
  """Examples that are coded together, example i in lane i mod L.

  Attributes:
    examples: how many there are.
    words: of each lane, uint16.
  """

  examples: int
  words: list[np.ndarray]


class Run(NamedTuple):
  """Images of one size that follow each other.

  Attributes:
    images: how many there are.
    height, width: of each, in pixels.
  """

  images: int
  height: int
  width: int


def add_to_runs(runs: list[Run], count: int, height: int, width: int) -> None:
  """Adds images of a size to runs."""
  if runs and runs[-1][1:] == (height, width):
    count += runs.pop().images
  runs.append(Run(count, height, width))


class Writer:
  """Writes a file block by block.

  Args:
    file: open for bytes.
    kind: `LOSSLESS` or `CODES`.
    fingerprint: of the model, 8 bytes.
  """

  def __init__(self, file: BinaryIO, kind: int, fingerprint: bytes):
    self._file = file
    self._header = _HEADER.pack(MAGIC, VERSION, kind, fingerprint)
    self._blocks = []
    file.write(self._header)

  def add(self, block: Block) -> None:
    """Writes a block."""
    lengths = [len(own) for own in block.words]
    self._blocks.append([block.examples, len(lengths), *lengths])
    for own in block.words:
      self._file.write(own.astype('<u2').tobytes())

  def finish(self, runs: Sequence[Run] = ()) -> None:
    """Writes the index."""
    numbers = [len(runs), *(number for run in runs for number in run)]
    numbers += [len(self._blocks), *(x for own in self._blocks for x in own)]
    index = b''.join(map(_varint, numbers))
    crc = zlib.crc32(self._header + index)
    self._file.write(index + _TRAILER.pack(crc, len(index)))


class File:
  """A file that is read.

  Args:
    data: its bytes.

  Attributes:
    kind: `LOSSLESS` or `CODES`.
    fingerprint: of the model that wrote it.
    runs: of images, empty if they are as the model has them.
    examples: of all blocks.

  Raises:
    ValueError: if it is no such file, or a damaged one, in a few words.
  """

  def __init__(self, data: bytes | memoryview):
    self._data = memoryview(data)
    if bytes(self._data[: len(MAGIC)]) != MAGIC:
      raise ValueError('it is no VQZ file')
    if len(data) < _HEADER.size + _TRAILER.size:
      raise ValueError('it is cut off')
    _, version, self.kind, self.fingerprint = _HEADER.unpack_from(data)
    if version != VERSION:
      raise ValueError(
        f'it is of version {version} of the format, and this is for version '
        f'{VERSION}: use the vqvae_tf that wrote it'
      )
    crc, size = _TRAILER.unpack_from(data, len(data) - _TRAILER.size)
    end = len(data) - _TRAILER.size
    if size > end - _HEADER.size:
      raise ValueError('it is damaged, or cut off')
    index = bytes(self._data[end - size : end])
    if crc != zlib.crc32(bytes(self._data[: _HEADER.size]) + index):
      raise ValueError('it is damaged, or cut off: its checksum differs')
    if self.kind not in _KINDS:
      raise ValueError(f'it is of kind {self.kind}, which is unknown')
    self._read_index(_numbers(index), (end - size - _HEADER.size) / 2)

  @property
  def examples(self) -> int:
    return sum(examples for examples, *_ in self._blocks)

  @property
  def lanes(self) -> int:
    """Of all blocks."""
    return sum(len(lengths) for _, lengths, _ in self._blocks)

  def blocks(self, first: int, end: int) -> Iterable[tuple[int, Block]]:
    """Yields the blocks that hold some of the examples from `first` on.

    Args:
      first: example.
      end: example behind the last one.

    Yields:
      The number of the block's first example, and the block.
    """
    done = 0
    for examples, lengths, place in self._blocks:
      if max(first, done) < min(end, done + examples):
        ends = place + 2 * np.cumsum(lengths)
        words = [
          np.frombuffer(self._data[stop - 2 * length : stop], '<u2')
          for stop, length in zip(ends.tolist(), lengths, strict=True)
        ]
        yield done, Block(examples, words)
      done += examples

  def _read_index(self, numbers, words):
    """Takes the index apart, and compares it with the words that there are."""
    self.runs, self._blocks, place = [], [], _HEADER.size
    for _ in range(_at_most(numbers, len(self._data))):
      run = Run(*(_at_most(numbers, most, 1) for most in _MOST_OF_RUN))
      self.runs.append(run)
    for _ in range(_at_most(numbers, len(self._data))):
      examples = _at_most(numbers, MOST_EXAMPLES, 1)
      lanes = _at_most(numbers, examples, 1)
      lengths = [_at_most(numbers, words, STATE_WORDS) for _ in range(lanes)]
      self._blocks.append((examples, lengths, place))
      place += 2 * sum(lengths)
      words -= sum(lengths)
    if words or next(numbers, None) is not None:
      raise ValueError('it is damaged: its index does not fit its words')


def _varint(number):
  encoded = bytearray()
  while number > 0x7F:
    encoded.append(0x80 | number & 0x7F)
    number >>= 7
  encoded.append(number)
  return bytes(encoded)


def _numbers(index):
  """Yields the numbers of an index."""
  number = shift = 0
  for byte in index:
    number |= (byte & 0x7F) << shift
    shift += 7
    if shift > 7 * _VARINT_BYTES:
      raise ValueError('it is damaged: a number of its index has no end')
    if byte < 0x80:
      yield number
      number = shift = 0


def _at_most(numbers, most, least=0):
  number = next(numbers, -1)
  if not least <= number <= most:
    raise ValueError('it is damaged: its index has a number out of range')
  return number
