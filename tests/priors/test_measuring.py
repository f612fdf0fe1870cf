import math

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import build, configs
from vqvae_tf.configs import PriorConfig
from vqvae_tf.errors import UserError
from vqvae_tf.models import ServedPrior
from vqvae_tf.priors import measuring
from vqvae_tf.priors.codes import Codes, CodeSource
from vqvae_tf.priors.measuring import (
  CodeBits,
  baselines,
  mean_bits,
  measure,
  measure_standing,
)
from vqvae_tf.runs.run import PriorRun
from vqvae_tf.runs.standing import known_standing, write_standing
from vqvae_tf.runs.workdir import PriorWorkdir, State, Workdir


def _source(split, codes, labels=None):
  codes = np.array(codes, np.uint8)
  if labels is None:
    labels = np.zeros(len(codes), np.int32)
  return CodeSource(split, codes, np.array(labels, np.int32), ('a', 'b'))


@pytest.fixture
def codes():
  """Of grids 1x2 with codebooks of 4 and 2."""
  splits = {
    # Codebook 0: 3, 1, 0, 0 times; codebook 1: 2, 2.
    'train': _source('train', [[[[0, 0], [0, 1]]], [[[0, 1], [1, 0]]]]),
    # 1, 0, 0, 1 and 2, 0.
    'validation': _source('validation', [[[[0, 0], [3, 0]]]], [1]),
  }
  return Codes(splits, (4, 2), 12, 'abc')


@pytest.fixture
def config():
  return configs.replace(
    PriorConfig(
      grid=(1, 2),
      codebook_sizes=(4, 2),
      num_dims=12,
      class_names=('a', 'b'),
      fingerprint='abc',
    ),
    num_hiddens=8,
    num_layers=1,
    average_decay=0.0,
  )


def test_baselines_by_hand(codes):
  found = baselines(codes, 'validation')
  assert found.uniform == (2 + 1) / 2
  # Frequencies 4/8, 2/8, 1/8, 1/8 and 3/6, 3/6 after one was added to each.
  assert found.unigram == pytest.approx(((1 + 3) / 2 + 1) / 2, rel=1e-12)
  found = baselines(codes, 'train')
  assert found.unigram == pytest.approx(((3 * 1 + 2) / 4 + 1) / 2, rel=1e-12)


def _prior(config, code_bits):
  """A prior of the bits that a function gives to codes and labels."""

  def prior_nll(codes, labels=None):
    bits = tf.cast(code_bits(codes, labels), tf.float32)
    return {'code_bits': tf.broadcast_to(bits, tf.shape(codes))}

  shape = (*config.grid, len(config.codebook_sizes))
  sizes, count = config.codebook_sizes, config.num_classes
  return ServedPrior({'prior_nll': prior_nll}, shape, sizes, count)


def test_each_image_counts_once(config):
  """150 images are a batch of 100 and one of 50."""
  codes = np.zeros([150, 1, 2, 2])
  labels = np.arange(150)
  source = _source('test', codes, labels)
  prior = _prior(config, lambda _, labels: labels[:, None, None, None])
  assert mean_bits(prior, config, source) == 74.5


def test_a_split_without_images(config):
  with pytest.raises(ValueError, match='the test split has no codes'):
    mean_bits(None, config, _source('test', np.zeros([0, 1, 2, 2])))


def test_the_label_is_summed_over(config, codes):
  """p(z | y) = 2^-8 for the label of the image, 0 for the other."""

  def code_bits(codes, labels):
    return tf.where(labels == 1, 2.0, math.inf)[:, None, None, None]

  source = codes.splits['validation']
  found = measure(_prior(config, code_bits), config, source)
  assert found == (9 / 4, 2)


def test_no_label(config, codes):
  """An image of 6 and one of 2 bits, all in one pass or not."""

  def code_bits(codes, labels):
    return tf.where(codes[:, :1, :1, :1] > 0, 0.5, 1.5)

  config = configs.replace(config, conditional=False)
  source = _source('test', [[[[0, 0], [0, 1]]], [[[1, 1], [0, 0]]]])
  found = measure(_prior(config, code_bits), config, source)
  assert found == (1, None)


class TestStanding:
  @pytest.fixture
  def run(self, config, tmp_path):
    """A workdir of an untrained prior."""
    workdir = PriorWorkdir(Workdir(tmp_path))
    trainer = tf.train.Checkpoint(model=build.prior(config))
    workdir.save_config(config)
    workdir.save(tf.train.Checkpoint(trainer=trainer), State(7, 7, 1.0))
    return workdir

  @pytest.fixture
  def standing(self, run, codes, monkeypatch):
    bits_per_code = CodeBits(1.375, 1.25)
    monkeypatch.setattr(measuring, 'measure', lambda *_: bits_per_code)
    return measure_standing(PriorRun(run), codes)

  def test_of_the_best_checkpoint(self, run, standing):
    assert standing == (7, 1, 1.5, 1.5, 1.375, 1.25)
    assert known_standing(run) == standing

  def test_of_an_earlier_checkpoint(self, run, standing):
    write_standing(run, standing._replace(step=6))
    assert known_standing(run) is None

  def test_not_measured(self, run):
    assert known_standing(run) is None

  @pytest.mark.parametrize('text', ['', '[]', '{"step": 7}'])
  def test_damaged(self, run, standing, text):
    path = run.standing_path
    path.write_text(text)
    match = f'{path} is damaged .*: remove it, and let bin/prior --workdir='
    with pytest.raises(UserError, match=match):
      known_standing(run)

  def test_table(self, run, standing):
    first, _, *rows = measuring.table(standing, run.load_config()).splitlines()
    assert first == 'validation, 1 images of 1x2x2 codes, prior of step 7'
    assert [row.split()[-2:] for row in rows] == [
      ['1.5000', '0.5000'],
      ['1.5000', '0.5000'],
      ['1.3750', '0.4583'],
      ['1.2500', '0.4167'],
    ]

  @pytest.mark.parametrize(
    'marginal, word', [(1.4375, 'beats'), (1.5, 'misses'), (1.625, 'misses')]
  )
  def test_verdict(self, standing, marginal, word):
    other = standing._replace(marginal=marginal)
    assert other.is_useless == (word == 'misses')
    assert other.verdict == (
      f'{word} the unigram baseline on the validation split: '
      f'{marginal:.4f} bits per code, unigram 1.5000'
    )
