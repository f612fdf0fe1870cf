"""Range asymmetric numeral systems: what is read is what was written."""

import numpy as np
import pytest

from vqvae_tf.codec import rans
from vqvae_tf.exact.laws import TOTAL


def written(lanes, symbols, alternatives, seed=0):
  """Random symbols of random masses, and their words."""
  rng = np.random.default_rng(seed)
  cuts = np.sort(rng.choice(np.arange(1, TOTAL), alternatives - 1, False))
  cuts = np.array([0, *cuts, TOTAL])
  values = rng.integers(0, alternatives, [lanes, symbols])
  starts = cuts[values].astype(np.uint32)
  masses = np.diff(cuts)[values].astype(np.uint32)
  first = rng.integers(2**32, 2**33, lanes).astype(np.uint64)
  return starts, masses, first, rans.encode(starts, masses, first)


def read(starts, masses, words):
  decoder = rans.Decoder(words)
  for start, mass in zip(starts.T, masses.T, strict=True):
    count = int((mass > 0).sum())
    slots = decoder.slots(count)
    assert (slots >= start[:count]).all()
    assert (slots < start[:count] + mass[:count].astype(float)).all()
    decoder.advance(start[:count].astype(float), mass[:count].astype(float))
  return decoder.finish()


@pytest.mark.parametrize('lanes', [1, 2, 3, 17, 64, 70])
@pytest.mark.parametrize('symbols', [0, 1, 40])
@pytest.mark.parametrize('alternatives', [2, 5, 1000])
def test_round_trip(lanes, symbols, alternatives):
  starts, masses, first, words = written(lanes, symbols, alternatives)
  np.testing.assert_array_equal(read(starts, masses, words), first)


@pytest.mark.parametrize('mass', [1, TOTAL - 1])
def test_extreme_masses(mass):
  start = np.full([3, 100], 0 if mass > 1 else TOTAL - 1, np.uint32)
  masses = np.full([3, 100], mass, np.uint32)
  first = np.full(3, 2**32, np.uint64)
  words = rans.encode(start, masses, first)
  np.testing.assert_array_equal(read(start, masses, words), first)
  bits = 100 * (24 - np.log2(mass))
  assert all(16 * len(own) <= bits + 48 for own in words)


def test_size_is_what_was_promised():
  starts, masses, _, words = written(4, 5000, 50)
  promised = (24 - np.log2(masses.astype(float))).sum(-1)
  found = np.array([16 * len(own) for own in words])
  # The first state has 32 bits of its own, the last one may have 16 to spare.
  assert (found - promised - 32 < 17).all()
  assert (found - promised - 32 > -1).all()


def test_lanes_that_end_early():
  starts, masses, first, _ = written(3, 10, 4)
  starts[2, 5:] = masses[2, 5:] = 0
  words = rans.encode(starts, masses, first)
  np.testing.assert_array_equal(read(starts, masses, words), first)


def test_words_that_lack_or_are_left():
  starts, masses, _, words = written(2, 30, 50)
  with pytest.raises(rans.Damaged, match='no words left'):
    read(starts, masses, [words[0], words[1][:-1]])
  with pytest.raises(rans.Damaged, match='has words left'):
    read(starts, masses, [words[0], np.append(words[1], np.uint16(7))])
  with pytest.raises(rans.Damaged, match='shorter than its state'):
    rans.Decoder([words[0][:2]])
