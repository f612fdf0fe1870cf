import copy
import math
import shutil

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import build, configs
from vqvae_tf.errors import UserError
from vqvae_tf.evaluation import evaluate
from vqvae_tf.media import image_files
from vqvae_tf.metrics.measure import Metrics
from vqvae_tf.metrics.table import table
from vqvae_tf.models import Traits
from vqvae_tf.runs.run import Run
from vqvae_tf.runs.workdir import State, Workdir
from vqvae_tf.serving import load, saved_model
from vqvae_tf.serving.subject import Subject
from vqvae_tf.training.step import Trainer

# Sums of float32 in another order.
_ROUNDING = 1e-5
# Fields that need neither a prior nor another network.
_MEASURED = Metrics._fields.index('codeless_bits_per_dim')


@pytest.fixture(scope='module')
def subject(trained):
  return load.from_run(Run(trained))


def _whole(source):
  return source.fetch(tf.range(source.num_examples, dtype=tf.int64))[0]


def test_a_split_by_hand(trained, subject, digits):
  result = evaluate.evaluate(subject, digits['test'])
  run = Run(trained)
  model, step = run.model, run.step
  images = _whole(digits['test'])
  by_hand = model.assess(images)
  num_images, num_dims = 179, 64
  pixel_bits = by_hand.pixel_bits.numpy().astype(np.float64)
  errors = images.numpy().astype(float) - by_hand.reconstructions.numpy()
  others = tf.roll(by_hand.codes, 179 // 2, 0)
  shuffled = model.pixel_bits(others, images).numpy()
  counts = np.bincount(by_hand.codes.numpy().ravel(), minlength=16)
  p = counts[counts > 0] / counts.sum()
  entropy = -np.sum(p * np.log2(p))
  # The code bits are the same for all images.
  error = 1.96 * pixel_bits.std(ddof=1) / np.sqrt(num_images) / num_dims
  expected = Metrics(
    num_examples=num_images,
    bits_per_dim=pixel_bits.sum() / num_images / num_dims + 1,
    pixel_bits_per_dim=pixel_bits.sum() / num_images / num_dims,
    # 4x4 positions of log2(16) bits over 64 pixels.
    code_bits_per_dim=1.0,
    mse=np.mean(errors**2),
    psnr_db=10 * np.log10(255**2 / np.mean(errors**2)),
    codes_in_use=np.mean(counts > 0),
    perplexity=2**entropy,
    entropy_bits=entropy,
    bits_per_dim_error=error,
    shuffled_bits_per_dim=shuffled.sum() / num_images / num_dims,
  )
  # Nothing to compare with, and no prior.
  assert result[_MEASURED:] == (None,) * 4
  np.testing.assert_allclose(
    result[:_MEASURED], expected[:_MEASURED], rtol=_ROUNDING
  )
  assert step == trained.best_step()
  assert subject.origin == f'{trained}, step {step}'


def test_the_batch_size_does_not_matter(tiny_config, digits):
  # A model of integers, so that no sum rounds.
  def assess(images):
    images = images.numpy()
    return {
      'pixel_bits': images.sum((1, 2, 3)),
      'code_bits_uniform': np.full(len(images), 64),
      'codes': images[:, ::2, ::2].astype(np.int32) // 16,
      'images': 255 - images,
    }

  def pixel_bits(codes, images):
    first = tf.cast(images[:, 0, 0, 0], tf.int32)
    return {'pixel_bits': tf.reduce_sum(codes, (1, 2, 3)) + first}

  stub = Subject(
    {'assess': assess, 'pixel_bits': pixel_bits},
    Traits((4, 4, 1), (16,), False),
    configs.observed(tiny_config, (8, 8, 1), ()),
    'a stub',
  )
  images = _whole(digits['test']).numpy()
  for batch_size in (1, 7, 100, 179, 500):
    result = evaluate.evaluate(stub, digits['test'], batch_size)
    assert result.num_examples == 179
    # Exact: all sums are integers.
    assert result.pixel_bits_per_dim == images.sum() / images.size
    assert result.bits_per_dim == result.pixel_bits_per_dim + 1
    assert result.mse == ((2.0 * images - 255) ** 2).sum() / images.size
    codes = images[:, ::2, ::2] // 16
    # Every image's codes are some other's.
    shuffled = codes.sum(dtype=int) + images[:, 0, 0, 0].sum(dtype=int)
    assert result.shuffled_bits_per_dim == shuffled / images.size


def test_a_uniform_decoder_costs_8_bits_per_dim(tmp_path, tiny_config, digits):
  """The known answer, from the workdir on and through an export."""
  config = configs.replace(tiny_config, likelihood='categorical')
  config = configs.observed(config, (8, 8, 1), ())
  model = build.model(config)
  model.assess(tf.zeros([1, 8, 8, 1], tf.uint8))
  for variable in model.decoder.trainable_variables:
    variable.assign(tf.zeros_like(variable))
  workdir = _saved(tmp_path, config, tf.train.Checkpoint(model=model))
  _assert_a_decoder_is_uniform(workdir, digits)


def test_averages_are_evaluated_and_exported(tmp_path, tiny_config, digits):
  """Weights are random, but their averages make a decoder uniform."""
  config = configs.replace(
    tiny_config, likelihood='categorical', average_decay=0.9
  )
  config = configs.observed(config, (8, 8, 1), ())
  model = build.model(config)
  model.assess(tf.zeros([1, 8, 8, 1], tf.uint8))
  trainer = Trainer(model, config.optimizer)
  for average in trainer.averaging.averages:
    average.assign(tf.zeros_like(average))
  workdir = _saved(tmp_path, config, trainer)
  model = Run(workdir).model
  for ours, weight in zip(
    model.variables, trainer.model.variables, strict=True
  ):
    expected = tf.zeros_like(weight) if weight.trainable else weight
    np.testing.assert_array_equal(ours, expected)
  assert any(np.any(x) for x in trainer.model.trainable_variables)
  _assert_a_decoder_is_uniform(workdir, digits)


def _saved(folder, config, trainer):
  """Returns a workdir with one checkpoint."""
  workdir = Workdir(folder / 'run')
  workdir.save_config(config)
  root = tf.train.Checkpoint(trainer=trainer)
  workdir.save(root, State(step=1))
  return workdir


def _assert_a_decoder_is_uniform(workdir, digits):
  target = saved_model.export(Run(workdir), workdir.path / 'model')
  for subject in (
    load.from_run(Run(workdir)),
    load.from_export(target),
  ):
    result = evaluate.evaluate(subject, digits['test'])
    # A float32 logarithm of 256, 64 times.
    assert result.pixel_bits_per_dim == pytest.approx(8, rel=1e-6)
    assert result.code_bits_per_dim == 1
    assert result.bits_per_dim == pytest.approx(9, rel=1e-6)


def test_an_export_measures_as_its_workdir(subject, exported, digits):
  other = load.from_export(exported)
  assert other.config == subject.config
  assert other.codebook_sizes == (16,)
  assert other.origin == str(exported)
  theirs = evaluate.evaluate(other, digits['validation'])
  ours = evaluate.evaluate(subject, digits['validation'])
  np.testing.assert_allclose(
    theirs[:_MEASURED], ours[:_MEASURED], rtol=_ROUNDING
  )


def test_a_prior_joins_the_bound(
  with_prior, code_prior, exported_with_prior, digits
):
  ours = load.from_run(Run(with_prior))
  result = evaluate.evaluate(ours, digits['test'], batch_size=70)
  images, labels = digits['test'].fetch(tf.range(179, dtype=tf.int64))
  assessed = ours.assess(images)
  learned = code_prior.marginal_nats(assessed.codes).numpy() / math.log(2)
  given = code_prior.nats(assessed.codes, labels).numpy() / math.log(2)
  total = (assessed.pixel_bits.numpy() + learned).astype(np.float64)
  expected = {
    'bits_per_dim': total.mean() / 64,
    'bits_per_dim_error': 1.96 * total.std(ddof=1) / math.sqrt(179) / 64,
    'code_bits_per_dim': 1.0,
    'code_bits_learned_per_dim': learned.mean() / 64,
    'code_bits_given_class_per_dim': given.sum() / 179 / 64,
    'bits_per_code': learned.mean() / 16,
  }
  found = {name: getattr(result, name) for name in expected}
  assert found == pytest.approx(expected, rel=_ROUNDING)
  theirs = load.from_export(exported_with_prior)
  other = evaluate.evaluate(theirs, digits['test'])._asdict()
  assert other.pop('codeless_bits_per_dim') is None
  wanted = {name: getattr(result, name) for name in other}
  assert other == pytest.approx(wanted, rel=_ROUNDING)


def test_other_classes_are_not_given(with_prior, digits):
  subject = load.from_run(Run(with_prior))
  subject.config = configs.observed(subject.config, (8, 8, 1), ('a', 'b'))
  result = evaluate.evaluate(subject, digits['validation'])
  assert result.code_bits_given_class_per_dim is None
  assert result.code_bits_learned_per_dim > 0


def test_images_of_another_shape(subject, digits):
  larger = copy.copy(subject)
  larger.config = configs.observed(subject.config, (28, 28, 1), ())
  match = r'takes images \(28, 28, 1\), but digits has \(8, 8, 1\)'
  with pytest.raises(UserError, match=match):
    evaluate.evaluate(larger, digits['test'])


def test_files_of_a_whole_split(digits):
  data = digits['test']
  images, _ = data.fetch(tf.range(data.num_examples, dtype=tf.int64))
  expected = image_files.bits_per_dim([images.numpy()])
  assert evaluate.measure_files(data, batch_size=70) == expected


def _result(**changes):
  values = dict.fromkeys(Metrics._fields, 1.0) | {'num_sampled': 0}
  return Metrics(**values | changes)


def test_table():
  result = _result(num_examples=1234, codes_in_use=0.5, bits_per_dim_error=0.25)
  values = _values(table(result))
  assert values['images'] == '1,234'
  assert values['bits/dim'] == '1.0000 +- 0.2500 (95 %)'
  assert values['PSNR'] == '1.00 dB'
  assert values['codes in use'] == '50.0 %'


def test_priors_in_a_table():
  result = _result(
    bits_per_dim=3.25,
    pixel_bits_per_dim=3.0,
    code_bits_per_dim=0.5,
    code_bits_learned_per_dim=0.25,
    code_bits_given_class_per_dim=0.125,
    bits_per_code=4.5,
    codeless_bits_per_dim=3.5,
  )
  values = _values(table(result))
  assert values['codes, learned p(z)'] == '0.2500 = 4.5000 bits per code'
  assert values['codes, p(z|y) given the class'] == '0.1250'
  assert values['codes, uniform p(z)'] == '0.5000'
  assert values['bits/dim, uniform p(z)'] == '3.5000'
  # 0.5 bits for 0.25.
  saved = 'bits saved per bit of codes'
  assert values[saved] == '2.000 under the learned p(z)'
  # 0.5 bits for 0.5.
  unlearned = result._replace(code_bits_learned_per_dim=None)
  values = _values(table(unlearned))
  assert values[saved] == '1.000 under the uniform p(z)'
  alone = result._replace(code_bits_given_class_per_dim=None)
  assert 'p(z|y)' not in table(alone)


def test_no_prior_in_a_table():
  """Of metrics.json that was written before there were priors, too."""
  known = _result()._asdict()
  for name in (
    'code_bits_learned_per_dim',
    'code_bits_given_class_per_dim',
    'bits_per_code',
  ):
    del known[name]
  text = table(Metrics(**known))
  assert _values(text)['codes, uniform p(z)'] == '1.0000'
  assert 'learned' not in text


def _values(text):
  lines = dict(line.rsplit('  ', 1) for line in text.splitlines())
  return {key.strip(): value.strip() for key, value in lines.items()}


def test_table_of_files():
  text = table(_result(), {'webp': 3.0, 'bz2': 2.5})
  assert text.startswith(table(_result()) + '\n')
  values = _values(text)
  assert values['files of them, bits/dim'] == 'headers included'
  assert values['lossless WebP, a file each'] == '3.0000'
  assert values['bz2, all in one file'] == '2.5000'


def test_no_interval_in_a_table():
  # Of one image, from a model or from JSON.
  for error in (math.inf, None):
    text = table(_result(bits_per_dim_error=error))
    assert _values(text)['bits/dim'] == '1.0000'


def test_infinite_bits_in_a_table():
  # Of a pixel that the likelihood calls impossible; None, as read from JSON.
  names = 'bits_per_dim', 'pixel_bits_per_dim', 'bits_per_dim_error'
  for infinite in (math.inf, None):
    text = table(_result(**dict.fromkeys(names, infinite)))
    assert text.count(' inf') == 3 and '+-' not in text


def test_a_perfect_psnr_in_a_table():
  # From a model or from JSON.
  for psnr_db in (math.inf, None):
    assert 'inf dB' in table(_result(psnr_db=psnr_db))


def test_no_export(tmp_path):
  with pytest.raises(UserError, match='is no export of vqvae_tf.*bin/export'):
    load.from_export(tmp_path / 'nowhere')


@pytest.mark.parametrize(
  'name, content',
  [
    ('saved_model.pb', b'\xff'),
    ('variables/variables.index', b''),
    ('variables/variables.data-00000-of-00001', b'cut off'),
    ('assets/metadata.json', b'{"format": "vqvae_tf 1"}'),
    ('assets/metadata.json', b'[]'),
  ],
)
def test_damaged_exports(tmp_path, exported, name, content):
  copy = shutil.copytree(exported, tmp_path / 'copy')
  (copy / name).write_bytes(content)
  with pytest.raises(
    UserError, match='the export .*copy is damaged: '
  ) as caught:
    load.from_export(copy)
  assert '\n' not in str(caught.value)
