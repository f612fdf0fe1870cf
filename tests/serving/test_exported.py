"""What is built of an export's weights computes what its signatures do."""

import pathlib
import shutil

import numpy as np
import pytest

from vqvae_tf.runs.run import Run
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.serving import exported, load

MODELS = pathlib.Path(__file__).resolve().parents[2] / 'assets' / 'models'
FROZEN = pathlib.Path(__file__).resolve().parents[1] / 'frozen'
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
  assert exported.prior(weights, known)
  [lost] = [name for name in weights if 'slot_0/out/w' in name]
  lacking = {name: w for name, w in weights.items() if name != lost}
  assert exported.prior(lacking, known) is None
  without = known | {'prior': {'num_classes': 10}}
  assert exported.prior(weights, without) is None


def test_a_large_job_draws_the_codes_of_a_small_one():
  prior = load.from_export(MODELS / 'mnist').prior
  assert prior.sampler(1, 3, False) == prior.sample
  quick = prior.sampler(10**6, 3, False)
  assert quick != prior.sample
  rng = np.random.default_rng(0)
  given = rng.integers(100, size=[1, 7, 7, 1], dtype=np.int32)
  kept = {'given': given, 'mask': given < 30}
  for options in {}, {'temperature': 0.9, 'top_p': 0.8, **kept}:
    drawn = quick(3, [1, 2], 4, **options)
    expected = prior.sample(3, [1, 2], 4, **options)
    # Of this seed no rounding decides.
    np.testing.assert_array_equal(drawn.codes, expected.codes)
    np.testing.assert_array_equal(drawn.images, expected.images)


def test_many_frames_are_those_of_few():
  subject = load.from_export(MODELS / 'mnist_autoregressive')
  assert subject.decoder(1) == subject.decode
  decode = subject.decoder(10**6)
  codes = np.full([1, *subject.code_shape], 5, np.int32)
  # Of this seed no rounding decides.
  np.testing.assert_array_equal(decode(codes), subject.decode(codes))


def test_a_factorized_decoder_has_no_loop_to_compile():
  subject = load.from_export(MODELS / 'mnist')
  assert subject.decoder(10**6) == subject.decode


def test_without_weights_there_are_signatures_alone():
  config = load.read_config(MODELS / 'mnist')
  assert exported.model({}, config) is None


@pytest.mark.parametrize('name', ['ema', 'autoregressive'])
def test_a_run_has_its_own_model(name, tmp_path):
  workdir = shutil.copytree(FROZEN / name, tmp_path / name)
  subject = load.from_run(Run(Workdir(workdir)))
  quick = subject.prior.sampler(10**6, 2, subject.is_sampled)
  drawn, expected = quick(2, [1, 2]), subject.prior.sample(2, [1, 2])
  # Of this seed no rounding decides.
  np.testing.assert_array_equal(drawn.codes, expected.codes)
  np.testing.assert_array_equal(drawn.images, expected.images)
  decode, codes = subject.decoder(10**6), drawn.codes[:1]
  np.testing.assert_array_equal(decode(codes), subject.decode(codes))
