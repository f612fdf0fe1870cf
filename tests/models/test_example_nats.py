"""Sums of `nats`, by another way: `CodePrior.example_nats`."""

import math

import numpy as np
import pytest
import tensorflow as tf
from two_codebooks import CLASSES, CODES, GRID, NETWORKS, Fixed, make

from vqvae_tf.models import CodePrior


@pytest.fixture(scope='module')
def prior():
  return make('wavenet')


@pytest.fixture(scope='module')
def fixed():
  return CodePrior(Fixed(np.log([[0.5, 0.3, 0.15, 0.05]])), [4], GRID)


@pytest.mark.parametrize('network', NETWORKS)
def test_sums_of_nats(network):
  prior = make(network)
  labels = np.arange(36) % CLASSES
  expected = prior.nats(CODES, labels).numpy().sum((1, 2, 3))
  # Roundings of float32, here and below.
  np.testing.assert_allclose(
    prior.example_nats(CODES, labels), expected, rtol=1e-5
  )


def test_more_cells_than_a_block_has(prior):
  codes, labels = np.tile(CODES, [11, 1, 1, 1]), np.ones(396, int)
  expected = prior.nats(CODES, labels[:36]).numpy().sum((1, 2, 3))
  found = prior.example_nats(codes, labels)
  np.testing.assert_allclose(found, np.tile(expected, 11), rtol=1e-5)


@pytest.mark.parametrize('level', [-5000.0, 0.0, 5000.0])
def test_logits_far_from_zero(level):
  prior = make('gated', num_classes=0)
  for slot in prior.network.submodules:
    if slot.name == 'out':
      slot.b.assign_add(tf.fill(slot.b.shape, level))
  expected = prior.nats(CODES).numpy().sum((1, 2, 3))
  assert np.isfinite(expected).all()
  # Of differences of numbers around 5000, 0.0005 apart.
  tolerance = {'rtol': 1e-5, 'atol': 4e-3 if level else 0}
  np.testing.assert_allclose(prior.example_nats(CODES), expected, **tolerance)
  np.testing.assert_allclose(prior.marginal_nats(CODES), expected, **tolerance)


def test_a_network_that_tells_no_features(fixed):
  codes = np.array([[[[0], [3]]]])
  expected = -math.log(0.5 * 0.05)
  np.testing.assert_allclose(fixed.example_nats(codes), [expected], rtol=1e-6)


def test_mistakes(prior):
  with pytest.raises(ValueError, match='labels must be in 0..1, not 2'):
    prior.example_nats(CODES, np.full(36, 2))
  with pytest.raises(tf.errors.InvalidArgumentError, match='Codes are out of'):
    prior.example_nats(CODES + 3, np.zeros(36, int))
