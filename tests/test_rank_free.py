"""The whole road with sounds [T, 1] and clips [T, H, W, C]."""

import re
import shutil

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import build, configs
from vqvae_tf.configs import PriorConfig
from vqvae_tf.datasets import pipeline
from vqvae_tf.datasets.source import Arrays, ArraySource
from vqvae_tf.errors import UserError
from vqvae_tf.evaluation import evaluate
from vqvae_tf.models import serve
from vqvae_tf.priors import measuring, training
from vqvae_tf.priors.codes import cached
from vqvae_tf.runs.run import PriorRun, Run
from vqvae_tf.runs.workdir import PriorWorkdir, Workdir
from vqvae_tf.serving import Codec, load, saved_model
from vqvae_tf.training import examples
from vqvae_tf.visualization.material import Material

# TensorFlow notes that tf.data stays compiled when a test runs eagerly.
pytestmark = pytest.mark.filterwarnings('ignore:Even though the:UserWarning')

# An odd side each, which is halved to 12 // 2 and 3 // 2.
SHAPES = {'sound': (25, 1), 'clip': (4, 6, 3, 2)}
CODES = {'sound': (12, 1), 'clip': (2, 3, 1, 1)}
SETTINGS = {'sound': {'likelihood': 'categorical'}, 'clip': {}}


def source(shape, split, count=20):
  """Waves of two lengths, which are the classes."""
  rng = np.random.default_rng(['train', 'validation', 'test'].index(split))
  labels = np.arange(count) % 2
  places = np.arange(np.prod(shape))
  phases = rng.uniform(0, 6, [count, 1]) + places / (1.0 + labels[:, None])
  values = 127 * np.sin(phases) + rng.uniform(0, 128, phases.shape)
  examples = np.clip(values, 0, 255).astype(np.uint8)
  arrays = Arrays(examples.reshape(count, *shape), labels.astype(np.int32))
  return ArraySource('waves', split, arrays, ('short', 'long'))


def trained(folder, kind, config, steps):
  workdir = Workdir(folder)
  config = configs.replace(config, steps=steps, **SETTINGS[kind])
  splits = [source(SHAPES[kind], split) for split in ('train', 'validation')]
  examples.train(config, workdir, *splits)
  return workdir


@pytest.fixture(scope='module', params=SHAPES)
def kind(request):
  return request.param


@pytest.fixture(scope='module')
def run(kind, tiny_config, tmp_path_factory):
  """A run of four steps, which XLA compiles for sounds."""
  folder = tmp_path_factory.mktemp(kind) / 'run'
  tf.config.run_functions_eagerly(kind != 'sound')
  try:
    return trained(folder, kind, tiny_config, 4)
  finally:
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope='module')
def subject(run):
  return load.from_run(Run(run))


@pytest.mark.usefixtures('eagerly')
def test_two_steps_and_two_are_four(kind, tiny_config, tmp_path):
  for steps in 2, 4:
    halves = trained(tmp_path / 'halves', kind, tiny_config, steps)
  whole = trained(tmp_path / 'whole', kind, tiny_config, 4)
  ours, theirs = (
    tf.train.load_checkpoint(str(w.path / 'checkpoints/00000004/weights'))
    for w in (halves, whole)
  )
  names = ours.get_variable_to_shape_map()
  assert names == theirs.get_variable_to_shape_map()
  for name in names.keys() - {'_CHECKPOINTABLE_OBJECT_GRAPH'}:
    np.testing.assert_array_equal(
      ours.get_tensor(name), theirs.get_tensor(name), name
    )


def test_it_keeps_its_shape_and_no_pictures(kind, run):
  assert run.load_config().example_shape == SHAPES[kind]
  assert not (run.path / 'snapshots').exists()


def test_bits_are_those_of_the_examples(kind, subject):
  data = source(SHAPES[kind], 'test')
  examples, _ = data.fetch(tf.range(data.num_examples))
  codes = subject.encode(examples)
  assert codes.shape == (20, *CODES[kind])
  assert subject.decode(codes).shape == (20, *SHAPES[kind])
  bits_map = subject.pixel_bits_map(codes, examples)
  assert bits_map.shape == (20, *SHAPES[kind][:-1])
  bits = subject.pixel_bits(codes, examples)
  # The same float32 terms in another order of summation.
  np.testing.assert_allclose(
    np.sum(bits_map, tuple(range(1, bits_map.shape.rank))), bits, rtol=1e-5
  )
  result = evaluate.evaluate(subject, data)
  num_dims, num_codes = np.prod(SHAPES[kind]), np.prod(CODES[kind])
  # Sixteen codes of four bits each.
  assert result.code_bits_per_dim == pytest.approx(4 * num_codes / num_dims)
  assert result.pixel_bits_per_dim == pytest.approx(
    float(np.mean(bits)) / num_dims, rel=1e-6
  )
  errors = np.float64(examples) - np.float64(subject.decode(codes))
  assert result.mse == pytest.approx(np.mean(errors**2), rel=1e-12)


def test_its_export_is_evaluated_alike(kind, run, subject, tmp_path):
  data = source(SHAPES[kind], 'test')
  exported = saved_model.export(Run(run), tmp_path / 'model')
  ours = evaluate.evaluate(subject, data)._asdict()
  theirs = evaluate.evaluate(load.from_export(exported), data)._asdict()
  assert {k: v for k, v in theirs.items() if v is None} == {
    k: v for k, v in ours.items() if v is None
  }
  for name, value in ours.items():
    if value is not None:
      # An export sums a map of pixels, a run all terms at once: the last digits
      # of float32, of which the spread is a difference.
      assert theirs[name] == pytest.approx(value, rel=1e-5), name
  images, labels = data.fetch(tf.range(20))
  codec = Codec(exported)
  packed = codec.compress(images.numpy(), labels.numpy())
  np.testing.assert_array_equal(codec.decompress(packed), images)
  promised = theirs['bits_per_dim'] * np.size(images)
  assert 0.995 * promised < 8 * len(packed) < 1.005 * promised + 1_000
  with pytest.raises(UserError, match='only images are cut into tiles'):
    codec.compress(images.numpy()[:, 1:])


def test_no_files_hold_it(kind):
  assert evaluate.measure_files(source(SHAPES[kind], 'test')) is None


def test_no_image_is_sampled(command, run, kind):
  done = command('sample', f'--workdir={run}')
  assert done.returncode == 1
  assert done.stderr == (
    'error: bin/sample is for images [H, W, C], not for examples '
    f'{SHAPES[kind]}: vqvae_tf.sampling.draw.draw gives others as arrays\n'
  )


def test_what_needs_images_refuses_it(kind, run, subject, tiny_config):
  data, shape = source(SHAPES[kind], 'train'), re.escape(str(SHAPES[kind]))
  with pytest.raises(UserError, match=f'^--flip is .* {shape}: leave it out$'):
    pipeline.shuffled(data, 4, seed=0, flip=True)
  with pytest.raises(UserError, match=f'^bin/visualize is .* {shape}: '):
    Material(subject, data)
  if kind == 'clip':
    # Of sounds there is a WaveNet: see test_sound_road.
    config = configs.replace(tiny_config, decoder='autoregressive')
    config = configs.observed(config, SHAPES[kind], ())
    with pytest.raises(ValueError, match=f'^--decoder=auto.* {shape}: leave'):
      build.model(config)


@pytest.mark.usefixtures('eagerly')
def test_a_prior_of_the_codes_of_any_grid(kind, run, tmp_path):
  workdir = Workdir(shutil.copytree(run.path, tmp_path / 'run'))
  copied = Run(workdir)
  codes = cached(copied, lambda split: source(SHAPES[kind], split))
  assert codes.splits['train'].example_shape == CODES[kind]
  config = configs.replace(
    PriorConfig(),
    network='wavenet',
    num_hiddens=8,
    num_layers=2,
    optimizer='adam',
    batch_size=4,
    steps=4,
    evaluate_every=2,
  )
  own = PriorWorkdir(workdir)
  decode = serve(copied.model, SHAPES[kind]).decode
  training.train(config, own, codes, decode)
  standing = measuring.measure_standing(PriorRun(own), codes)
  subject = load.from_run(copied)
  validation = codes.splits['validation']
  batch, labels = validation.fetch(tf.range(20))
  each = subject.prior.code_bits(batch, labels)
  assert each.shape == (20, *CODES[kind])
  # The mean of the same float32 terms.
  assert standing.given_class == pytest.approx(float(np.mean(each)), rel=1e-5)
  shape = 'x'.join(map(str, CODES[kind]))
  table = measuring.table(standing, own.load_config())
  assert f'20 images of {shape} codes, prior of' in table
  drawn = subject.prior.sample(3, (0, 1))
  assert drawn.codes.shape == (3, *CODES[kind])
  assert drawn.images.shape == (3, *SHAPES[kind])
  np.testing.assert_array_equal(subject.decode(drawn.codes), drawn.images)
