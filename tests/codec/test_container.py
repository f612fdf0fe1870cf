"""The file: what is written is read, and damage is told."""

import io
import struct
import zlib

import numpy as np
import pytest

from vqvae_tf.codec import container
from vqvae_tf.codec.container import Block, File, Run, Writer

PRINT = b'12345678'
BLOCKS = [
  Block(300, [np.arange(3, 3 + n, dtype=np.uint16) for n in (3, 200)]),
  Block(1, [np.arange(9, dtype=np.uint16)]),
]
RUNS = [Run(1, 20, 30), Run(2, 300, 7)]


def written(blocks=BLOCKS, runs=RUNS, kind=container.CODES):
  file = io.BytesIO()
  writer = Writer(file, kind, PRINT)
  for block in blocks:
    writer.add(block)
  writer.finish(runs)
  return file.getvalue()


def test_read_as_written():
  file = File(written())
  assert (file.kind, file.fingerprint) == (container.CODES, PRINT)
  assert (file.runs, file.examples, file.lanes) == (RUNS, 301, 3)
  found = list(file.blocks(0, 301))
  assert [start for start, _ in found] == [0, 300]
  for (_, block), expected in zip(found, BLOCKS, strict=True):
    assert block.examples == expected.examples
    for own, other in zip(block.words, expected.words, strict=True):
      np.testing.assert_array_equal(own, other)


def test_blocks_of_a_range():
  file = File(written())
  for first, end, expected in (
    (0, 300, [0]),
    (299, 301, [0, 300]),
    (300, 301, [300]),
    (5, 5, []),
  ):
    assert [start for start, _ in file.blocks(first, end)] == expected


def test_nothing_in_it():
  file = File(written([], []))
  assert (file.examples, file.runs, list(file.blocks(0, 9))) == (0, [], [])


def test_layout():
  """The bytes of a small file, by hand."""
  words = np.array([1, 2, 0x0304], np.uint16)
  data = written([Block(130, [words])], [], container.LOSSLESS)
  index = bytes([0, 1, 0x82, 1, 1, 3])
  head = b'VQZ\1\0' + PRINT
  assert data[:-8] == head + b'\1\0\2\0\4\3' + index
  assert struct.unpack('<II', data[-8:])[1] == len(index)


def test_every_flipped_bit_of_header_and_index_is_told():
  data = written()
  words = 2 * sum(len(own) for block in BLOCKS for own in block.words)
  for place in (*range(13), *range(13 + words, len(data))):
    for bit in range(8):
      changed = bytearray(data)
      changed[place] ^= 1 << bit
      with pytest.raises(ValueError, match='it is'):
        File(bytes(changed))


def test_every_truncation_is_told():
  data = written()
  for size in range(len(data)):
    with pytest.raises(ValueError, match='it is'):
      File(data[:size])


def signed(head, words, index):
  """A file with a right checksum, whatever its index says."""
  crc = zlib.crc32(head + index)
  return head + words + index + struct.pack('<II', crc, len(index))


@pytest.mark.parametrize(
  'index, message',
  [
    ([0, 1, 1, 1, 4], 'out of range'),
    ([0, 1, 1, 1, 2], 'out of range'),
    ([0, 1, 1, 2, 3, 3], 'out of range'),
    ([0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 1, 1, 3], 'out of range'),
    ([0, 0xFF, 0xFF, 0xFF, 1], 'out of range'),
    ([0xFF, 0xFF, 0xFF, 1], 'out of range'),
    ([0, 1, 1, 1, 3, 0], 'does not fit its words'),
    ([0, 0], 'does not fit its words'),
    ([0, 1, 1, 1], 'out of range'),
    ([0x80] * 20, 'no end'),
  ],
)
def test_an_index_that_claims_what_is_not_there(index, message):
  data = signed(b'VQZ\1\0' + PRINT, bytes(6), bytes(index))
  with pytest.raises(ValueError, match=message):
    File(data)


@pytest.mark.parametrize(
  'head, message',
  [
    (b'VQX\1\0', 'no VQZ file'),
    (b'VQZ\2\0', 'version 2 of the format'),
    (b'VQZ\1\7', 'of kind 7'),
  ],
)
def test_another_header(head, message):
  data = signed(head + PRINT, bytes(6), bytes([0, 1, 1, 1, 3]))
  with pytest.raises(ValueError, match=message):
    File(data)
