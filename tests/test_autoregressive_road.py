"""An autoregressive decoder on the whole road: train, evaluate, export."""

import copy
import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import configs, datasets
from vqvae_tf.datasets import pipeline
from vqvae_tf.errors import UserError
from vqvae_tf.evaluation import evaluate, twins
from vqvae_tf.metrics.table import table
from vqvae_tf.runs import results
from vqvae_tf.runs.run import Run
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.serving import load, saved_model
from vqvae_tf.training import examples
from vqvae_tf.visualization import gallery, material

# TensorFlow notes that tf.data stays compiled when a model runs op by op.
pytestmark = pytest.mark.filterwarnings('ignore:Even though the:UserWarning')

SMALL = {
  'decoder': 'autoregressive',
  'causal_hiddens': 8,
  'causal_layers': 2,
  'num_mixtures': 2,
  'average_decay': 0.5,
}


def changed(subject, **values):
  other = copy.copy(subject)
  vars(other).update(values)
  return other


def train(config, folder):
  """Trains op by op: tests of priors and artifacts compile such networks."""
  sources = [
    datasets.open_source('digits', split) for split in ('train', 'validation')
  ]
  workdir = Workdir(folder)
  tf.config.run_functions_eagerly(True)
  try:
    examples.train(config, workdir, *sources)
  finally:
    tf.config.run_functions_eagerly(False)
  return workdir


@pytest.fixture(scope='module')
def workdir(tiny_config, tmp_path_factory):
  config = configs.replace(tiny_config, **SMALL)
  return train(config, tmp_path_factory.mktemp('autoregressive') / 'run')


@pytest.fixture(scope='module')
def subject(workdir):
  return load.from_run(Run(workdir))


@pytest.fixture(scope='module')
def target(workdir, tmp_path_factory):
  return saved_model.export(
    Run(workdir), tmp_path_factory.mktemp('export') / 'model'
  )


def test_evaluation_names_its_samples(subject, digits):
  result = evaluate.evaluate(subject, digits['test'], num_sampled=20)
  images, _ = digits['test'].fetch(tf.range(20, dtype=tf.int64))
  samples = subject.reconstruct(images)
  errors = images.numpy().astype(float) - samples.numpy()
  assert result.num_sampled == 20
  assert result.mse == np.mean(errors**2)
  text = table(result)
  assert text.count(' one sample each, 20 images') == 2


def test_samples_depend_on_codes_and_seed_alone(workdir, digits):
  model = Run(workdir).model
  images, _ = digits['test'].fetch(tf.range(6, dtype=tf.int64))
  codes = model.encode(images)
  first = model.decode(codes, tf.constant([1, 2]))
  np.testing.assert_array_equal(first, model.decode(codes, tf.constant([1, 2])))
  assert np.any(first != model.decode(codes, tf.constant([3, 4])))
  with pytest.raises(ValueError, match='give a seed, two integers'):
    model.decode(codes)


def test_the_export_has_the_same_numbers(workdir, subject, target, digits):
  exported = load.from_export(target)
  images, _ = digits['test'].fetch(tf.range(5, dtype=tf.int64))
  ours, theirs = subject.assess(images), exported.assess(images)
  assert ours.reconstructions is None and theirs.reconstructions is None
  np.testing.assert_array_equal(ours.codes, theirs.codes)
  # Graphs may fuse differently.
  np.testing.assert_allclose(ours.pixel_bits, theirs.pixel_bits, rtol=1e-5)
  np.testing.assert_allclose(
    exported.pixel_bits(theirs.codes, images), theirs.pixel_bits, rtol=1e-5
  )
  bits_map = exported.pixel_bits_map(theirs.codes, images)
  # A pixel that is nearly certain has a rounding of its own.
  np.testing.assert_allclose(
    bits_map, subject.pixel_bits_map(ours.codes, images), rtol=1e-4, atol=1e-4
  )
  np.testing.assert_allclose(
    tf.reduce_sum(bits_map, [1, 2]), theirs.pixel_bits, rtol=1e-5
  )
  np.testing.assert_array_equal(
    subject.reconstruct(images), exported.reconstruct(images)
  )


def test_doors_take_a_seed(target):
  served = tf.saved_model.load(str(target)).signatures
  takes = {
    name: set(function.structured_input_signature[1])
    for name, function in served.items()
  }
  assert takes == {
    'encode': {'images'},
    'decode': {'codes', 'seed'},
    'reconstruct': {'images', 'seed'},
    'embed': {'codes'},
    'nll': {'images'},
    'pixel_bits': {'codes', 'images'},
    'assess': {'images'},
    'serving_default': {'images', 'seed'},
  }


def test_a_seed_is_two_integers(target):
  decode = tf.saved_model.load(str(target)).signatures['decode']
  codes = tf.zeros([1, 4, 4, 1], tf.int32)
  match = 'Shape of tensor seed .* is not compatible with expected shape'
  with pytest.raises(tf.errors.InvalidArgumentError, match=match):
    decode(codes=codes, seed=tf.constant([1, 2, 3]))


def test_pictures_of_samples(subject, workdir, digits, tmp_path):
  names = ['reconstructions', 'walk', 'curves', 'animation']
  drawn = material.Material(subject, digits['test'], workdir, num_frames=3)
  lines = list(gallery.draw(names, drawn, tmp_path))
  for name in ('reconstructions.png', 'walk.gif', 'curves.png'):
    assert f'drawn: {tmp_path / name}' in lines
  # The same random numbers for all: equal codes make equal samples.
  samples = drawn.decode(np.repeat(drawn.codes[:1], 2, 0))
  np.testing.assert_array_equal(samples[0], samples[1])
  np.testing.assert_array_equal(samples[:1], subject.decode(drawn.codes[:1]))


def test_against_the_same_network_without_codes(
  workdir, subject, digits, tmp_path
):
  config = configs.replace(workdir.load_config(), num_embeddings=1)
  codeless = load.from_run(Run(train(config, tmp_path / 'bare')))
  twins.check_codeless(subject, codeless)
  result = evaluate.evaluate(subject, digits['test'])
  compared = twins.compare_codeless(result, codeless, digits['test'])
  bare = evaluate.evaluate(codeless, digits['test'])
  assert bare.code_bits_per_dim == 0
  assert compared.codeless_bits_per_dim == bare.pixel_bits_per_dim
  saved = bare.bits_per_dim - result.pixel_bits_per_dim
  worth = saved / result.code_bits_per_dim
  *_, line = [line for line in table(compared).splitlines() if 'saved' in line]
  assert line.split() == [
    *'bits saved per bit of codes'.split(),
    f'{worth:.3f}',
    *'under the uniform p(z)'.split(),
  ]
  path = tmp_path / 'metrics.json'
  results.write(path, 'test', compared)
  known = json.loads(path.read_text())['test']
  assert known['codeless_bits_per_dim'] == bare.pixel_bits_per_dim


def test_what_is_no_baseline(subject):
  bare = changed(subject, codebook_sizes=(1,), origin='bare')
  twins.check_codeless(subject, bare)
  with pytest.raises(UserError, match='has codes: train it with --quantizer=e'):
    twins.check_codeless(subject, subject)
  with pytest.raises(UserError, match='bare has no codes to be compared with'):
    twins.check_codeless(bare, bare)
  config = configs.replace(subject.config, causal_hiddens=9)
  match = 'bare is another network: .* --causal_hiddens=9, and .* with 8'
  with pytest.raises(UserError, match=match):
    twins.check_codeless(subject, changed(bare, config=config))


def test_what_was_trained_otherwise_is_no_baseline(subject):
  bare = changed(subject, codebook_sizes=(1,), origin='bare')
  config = dataclasses.replace(subject.config, class_names=('cat', 'dog'))
  match = "bare is another network: .* class_names=.'cat', 'dog'.*, and .* '9'"
  with pytest.raises(UserError, match=match):
    twins.check_codeless(subject, changed(bare, config=config))
  # A run that was cut off.
  steps = subject.last_step
  match = f'bare is another network: .* --steps=1, and .* with {steps}$'
  with pytest.raises(UserError, match=match):
    twins.check_codeless(subject, changed(bare, last_step=1))


def test_samples_of_large_images_come_in_parts(subject, digits, monkeypatch):
  # As many pixels as 50 of these images have.
  monkeypatch.setattr(pipeline, '_PIXELS_PER_PASS', 50 * 8 * 8)
  sizes = []

  def reconstruct(images):
    sizes.append(len(images))
    return np.asarray(images) ^ 1

  data = digits['test']
  for most, expected in ((256, [50, 50, 50, 29]), (60, [50, 10])):
    sizes.clear()
    other = changed(subject, reconstruct=reconstruct)
    found = evaluate.sampled_errors(other, data, most)
    assert sizes == expected and found['num_sampled'] == sum(expected)
    # Each pixel is off by one grey level.
    assert found['mse'] == 1


def test_codes_that_cost_nothing(subject, digits):
  result = evaluate.evaluate(subject, digits['test'])
  result = result._replace(
    code_bits_learned_per_dim=0.0, bits_per_code=0.0, codeless_bits_per_dim=9.0
  )
  [line] = [line for line in table(result).splitlines() if 'saved' in line]
  assert line.split()[6] == 'nan'


def test_blocks_must_fit(tiny_config, tmp_path):
  config = configs.replace(tiny_config, **SMALL, block_size=3)
  with pytest.raises(UserError, match='no whole number of blocks of --block_s'):
    train(config, tmp_path / 'run')
