"""What is built of an export's weights computes what its signatures do."""

import pathlib

import numpy as np
import pytest

from vqvae_tf.serving import exported_prior, load

MODELS = pathlib.Path(__file__).resolve().parents[2] / 'assets' / 'models'
# More than a pass of 8,192 codes for ten classes, and no whole number of them.
NUMS = {'cifar10': 4, 'mnist': 19, 'cifar10_autoregressive': 57}


@pytest.mark.parametrize('name, num', NUMS.items())
def test_costs_of_many_examples_are_those_of_the_signatures(name, num):
  subject = load.from_export(MODELS / name)
  prior = subject.prior
  rng = np.random.default_rng(0)
  shape, size = subject.code_shape, min(subject.codebook_sizes)
  codes = rng.integers(size, size=[num, *shape], dtype=np.int32)
  labels = rng.integers(10, size=num, dtype=np.int32)
  assert prior.quick_bits(num) and not prior.quick_bits(1)
  found, first = prior.cost(codes, labels), prior.cost(codes[:1], labels[:1])
  bits = prior.code_bits(codes, labels).numpy().astype(np.float64)
  # Roundings of float32, here and below.
  np.testing.assert_allclose(
    found.given_class, bits.reshape(num, -1).sum(1), rtol=1e-5
  )
  np.testing.assert_allclose(found.marginal[:1], first.marginal, rtol=1e-5)


def test_an_export_that_lacks_a_weight_has_its_signatures_alone():
  weights = load.weights(MODELS / 'mnist')
  known = load.read_metadata(MODELS / 'mnist')
  assert exported_prior.prior(weights, known)
  [lost] = [name for name in weights if 'slot_0/out/w' in name]
  lacking = {name: w for name, w in weights.items() if name != lost}
  assert exported_prior.prior(lacking, known) is None
  without = known | {'prior': {'num_classes': 10}}
  assert exported_prior.prior(weights, without) is None
