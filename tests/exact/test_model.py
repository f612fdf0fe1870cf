"""A model in integers is the model, and a walk sees what a call sees."""

import golden
import golden_networks
import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import bits
from vqvae_tf.codec import coding
from vqvae_tf.exact import grid, laws
from vqvae_tf.exact.model import ExactModel

cases = pytest.mark.parametrize('name', golden.CASES)


@pytest.fixture(scope='module')
def made():
  """Each case, built when it is first asked for."""
  known = {}

  def get(name):
    if name not in known:
      known[name] = golden_networks.make(name)
    return known[name]

  return get


def promised(interval):
  """-log2 of masses, of each example."""
  masses = interval.masses.astype(np.float64)
  return (laws.TOTAL_BITS - np.log2(masses)).sum(-1)


@cases
def test_pixels_have_the_mass_of_the_likelihood(made, name):
  case = made(name)
  codes = tf.constant(case.content.codes)
  # What the model itself makes up is not far from what it expects.
  params = case.model.decoder(case.model.embed(codes))
  examples = case.model.likelihood.sample(params, [1, 2])
  found = promised(case.exact.pixels.intervals(codes.numpy(), examples.numpy()))
  expected = case.model.pixel_bits(codes, examples)
  np.testing.assert_allclose(found, expected, rtol=2e-3, atol=0.05)


@cases
def test_codes_have_the_mass_of_the_prior(made, name):
  case = made(name)
  codes, labels, _ = case.content
  found = promised(case.exact.codes.intervals(codes, labels))
  if case.prior:
    nats = case.prior.nats(codes, tf.constant(labels, tf.int32))
    expected = np.sum(bits.nats_to_bits(nats), tuple(range(1, codes.ndim)))
  else:
    sizes = case.structure.codebook_sizes
    expected = codes[0].size / len(sizes) * np.log2(sizes).sum()
  np.testing.assert_allclose(found, expected, rtol=2e-3, atol=0.05)


@cases
def test_labels_cost_what_the_prior_says(made, name):
  case = made(name)
  codes = case.content.codes
  if not case.structure.num_classes:
    assert case.exact.codes.num_classes == 0
    return
  found = case.exact.codes.costs(codes)
  for label, costs in enumerate(found):
    nats = case.prior.nats(codes, tf.fill([len(codes)], label))
    expected = np.sum(nats, tuple(range(1, codes.ndim)))
    np.testing.assert_allclose(costs, expected, rtol=2e-3, atol=0.05)


def test_values_without_a_mass(made):
  pixels = made('bernoulli').exact.pixels
  assert pixels.has_mass(np.array([[0, 255]], np.uint8))
  assert not pixels.has_mass(np.array([[0, 254]], np.uint8))
  assert made('normal').exact.pixels.has_mass(np.array([7], np.uint8))


def test_large_weights_are_refused():
  with pytest.raises(ValueError, match='not provably exact'):
    grid.weights(np.full([4, 2], 2.0**23), np.zeros(2), -1)
  with pytest.raises(ValueError, match='not finite'):
    grid.weights(np.array([[np.nan]]), np.zeros(1), -1)


def test_a_coarser_grid_where_weights_are_large():
  w, b, shift = grid.weights(np.full([8, 1], 1000.0), np.ones(1), -1)
  assert shift == 17
  assert w.tolist() == [[1000 * 2**17]] * 8
  assert b.tolist() == [2**31]
  assert grid.is_exact(w, b, -1)
  assert not grid.is_exact(2 * w, b, -1)


def test_altered_integers_have_another_fingerprint(made):
  case = made('normal')
  arrays = dict(case.arrays)
  arrays['decoder/conv/b'] = arrays['decoder/conv/b'] + 1
  changed = ExactModel(case.structure, arrays)
  assert changed.fingerprint != case.exact.fingerprint


def test_a_missing_part_is_named(made):
  case = made('normal')
  for name in case.arrays:
    rest = {k: v for k, v in case.arrays.items() if k != name}
    with pytest.raises(ValueError, match=f'{name}.* is missing'):
      ExactModel(case.structure, rest)


def test_lanes_end_with_a_checksum(made):
  case = made('normal')
  [block] = coding.blocks(case.exact, [case.content], True)
  words = [own.copy() for own in block.words]
  words[1][-1] ^= 1
  with pytest.raises(ValueError, match='lane'):
    coding.read(case.exact, block._replace(words=words), [0, 1, 2], True)
