"""`vqvae_tf.load`: one object for names, exports and workdirs."""

import numpy as np
import pytest
import tensorflow as tf

import vqvae_tf
from vqvae_tf.errors import UserError
from vqvae_tf.evaluation.evaluate import evaluate
from vqvae_tf.serving import load as loading
from vqvae_tf.serving import shipped


@pytest.fixture(scope='module')
def model(exported_with_prior):
  return vqvae_tf.load(exported_with_prior)


@pytest.fixture(scope='module')
def images(digits):
  return digits['test'].fetch(tf.range(70, dtype=tf.int64))[0].numpy()


def test_a_run_and_its_export_are_alike(model, with_prior, images):
  run = vqvae_tf.load(with_prior.path)
  assert run.config == vqvae_tf.load(str(with_prior)).config
  assert run.class_names == model.class_names
  assert run.has_prior and model.has_prior
  codes = model.encode(images)
  assert (codes.shape, codes.dtype) == ((70, 4, 4, 1), np.int32)
  np.testing.assert_array_equal(codes, run.encode(images))
  np.testing.assert_array_equal(model.embed(codes), run.embed(codes))
  np.testing.assert_array_equal(model.decode(codes), run.reconstruct(images))
  # Graphs may fuse differently.
  for own, other in zip(model.nll(images), run.nll(images), strict=True):
    np.testing.assert_allclose(own, other, rtol=1e-5)
  drawn = model.sample(5, label=3, seed=7)
  for own, other in zip(drawn, run.sample(5, 3, seed=7), strict=True):
    np.testing.assert_array_equal(own, other)
  np.testing.assert_array_equal(model.decode(drawn.codes), drawn.images)


def test_nll_is_what_evaluate_averages(model, exported_with_prior, digits):
  subject = loading.from_export(exported_with_prior)
  result = evaluate(subject, digits['test'])
  every = tf.range(digits['test'].num_examples, dtype=tf.int64)
  found = model.nll(digits['test'].fetch(every)[0])
  assert found.bits_per_dim.mean() == pytest.approx(result.bits_per_dim, 1e-6)
  learned = found.code_bits_learned.mean() / 64
  assert learned == pytest.approx(result.code_bits_learned_per_dim, 1e-6)
  # 16 codes of 4 bits.
  assert set(found.code_bits_uniform) == {64.0}


def test_metrics_are_those_of_the_file(model):
  assert model.metrics == {}
  known = vqvae_tf.load('mnist').metrics['test']
  assert known['num_examples'] == 10_000 and known['bits_per_dim'] < 1.3


def test_a_class_has_a_number_and_a_name(model):
  by_name, by_number = model.sample(2, label='3'), model.sample(2, label=3)
  np.testing.assert_array_equal(by_name.images, by_number.images)
  # More than a batch, each of which has a seed of its own.
  many = model.sample(130, label=3).codes
  assert many.shape == (130, 4, 4, 1)
  assert (many[:2] != many[64:66]).any()


@pytest.mark.parametrize(
  'call, message',
  [
    (lambda m: m.encode(np.zeros([1, 8, 8, 1])), 'float64: give uint8'),
    (lambda m: m.nll(np.zeros([8, 8, 1], np.uint8)), r'not \[8, 8, 1\]'),
    (lambda m: m.encode(np.zeros([0, 8, 8, 1], np.uint8)), 'B at least 1'),
    (lambda m: m.decode(np.zeros([1, 4, 4, 1])), 'codes are float64: give int'),
    (lambda m: m.decode(np.zeros([1, 4, 4], int)), r'not \[1, 4, 4\]'),
    (lambda m: m.embed(np.full([1, 4, 4, 1], 16)), r'is 16, not in 0\.\.15'),
    (lambda m: m.decode(np.full([1, 4, 4, 1], -1)), r'is -1, not in 0\.\.15'),
    (lambda m: m.sample(0), 'num must be at least 1, not 0'),
    (lambda m: m.sample(1, label=10), r'label must be in 0\.\.9, not 10'),
    (lambda m: m.sample(1, label='ten'), "no class is called 'ten'"),
    (lambda m: m.sample(1, temperature=-1), 'temperature must be at least 0'),
    (lambda m: m.sample(1, top_p=0), r'top_p must be in \(0, 1\], not 0'),
    (lambda m: m.sample(1, seed=-1), 'seed must be in 0.*7, not -1'),
  ],
)  # fmt: skip
def test_bad_input_is_named(model, call, message):
  with pytest.raises(ValueError, match=message):
    call(model)


def test_without_a_prior_nothing_is_drawn(exported):
  model = vqvae_tf.load(exported)
  assert not model.has_prior
  assert model.nll(np.zeros([1, 8, 8, 1], np.uint8)).code_bits_learned is None
  with pytest.raises(UserError, match='has no prior to draw from: train one'):
    model.sample(1)


def test_an_autoregressive_decoder_takes_a_seed():
  model = vqvae_tf.load('mnist_autoregressive')
  codes = np.zeros([2, *model.code_shape], np.int32)
  one, other = model.decode(codes, seed=1), model.decode(codes, seed=2)
  assert (one != other).any()
  np.testing.assert_array_equal(one, model.decode(codes, seed=1))


def test_names_of_what_comes_along():
  known = {model.name: model for model in vqvae_tf.models()}
  assert {'mnist', 'fashion_mnist'} <= set(known)
  assert known['mnist'].example_shape == (28, 28, 1)
  assert known['mnist'].path == shipped.find('mnist')
  with pytest.raises(UserError, match="called so: did you mean 'mnist'?"):
    vqvae_tf.load('mnits')
  with pytest.raises(UserError, match='runs/none is no workdir'):
    vqvae_tf.load('runs/none')


def test_a_folder_goes_before_a_name(exported, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'mnist').symlink_to(exported)
  assert vqvae_tf.load('mnist').config.data.dataset == 'digits'
