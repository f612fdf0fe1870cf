"""The road of sounds with a WaveNet over samples, from files to files."""

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import configs, datasets
from vqvae_tf.errors import UserError
from vqvae_tf.media import audio
from vqvae_tf.nets import ConditionedWaveNet
from vqvae_tf.runs.run import Run
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.serving import Codec, load, saved_model
from vqvae_tf.training import examples

LENGTH = 64


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  root = tmp_path_factory.mktemp('recordings')
  rng = np.random.default_rng(0)
  for index in range(15):
    noise = 0.3 * rng.normal(size=150)
    audio.write(root / f'{index % 3}_ann_{index}.wav', noise, 8_000)
  return root


def _open(split, folder):
  return datasets.open_source('spoken_digits', split, folder, length=LENGTH)


@pytest.fixture(scope='module')
def run(folder, tiny_config, tmp_path_factory):
  config = configs.replace(
    tiny_config,
    dataset='spoken_digits',
    length=LENGTH,
    num_halvings=3,
    decoder='autoregressive',
    likelihood='categorical',
    causal_hiddens=8,
    causal_layers=3,
    compile='graph',
  )
  workdir = Workdir(tmp_path_factory.mktemp('sound') / 'run')
  splits = (_open(split, folder) for split in ('train', 'validation'))
  examples.train(config, workdir, *splits)
  return Run(workdir)


@pytest.fixture(scope='module')
def sounds(folder):
  return _open('test', folder).fetch(tf.range(5, dtype=tf.int64))[0]


def test_the_network_is_one_whose_layers_see_the_codes(run, sounds):
  model = run.model
  assert isinstance(model.likelihood.network, ConditionedWaveNet)
  codes = model.encode(sounds)
  assert codes.shape == (5, LENGTH // 8, 1)
  params = model.decoder(model.embed(codes))
  # Another context from the last sample on changes the last alone.
  other = tf.concat([params[:, :-1], params[:, -1:] + 1], 1)
  before, after = (
    model.likelihood.log_prob_map(each, sounds) for each in (params, other)
  )
  np.testing.assert_array_equal(before[:, :-1], after[:, :-1])
  assert np.any(before[:, -1] != after[:, -1])


def test_samples_never_see_the_sound(run, sounds):
  codes = run.model.encode(sounds)
  seed = tf.constant([0, 1])
  drawn = run.model.decode(codes, seed)
  assert (drawn.shape, drawn.dtype) == ((5, LENGTH, 1), tf.uint8)
  np.testing.assert_array_equal(drawn, run.model.decode(codes, seed))
  assert np.any(drawn != run.model.decode(codes, tf.constant([0, 2])))


def test_its_export_has_the_same_bits(run, sounds, tmp_path):
  exported = saved_model.export(run, tmp_path / 'model')
  ours, theirs = load.from_run(run), load.from_export(exported)
  np.testing.assert_allclose(
    ours.assess(sounds).pixel_bits, theirs.assess(sounds).pixel_bits, rtol=1e-5
  )
  with pytest.raises(
    UserError, match='no exact form: .*a WaveNet over samples'
  ):
    Codec(exported)
