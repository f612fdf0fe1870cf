"""`vqvae_tf.train`: what `bin/train` does, with data from anywhere."""

import numpy as np
import pytest
import tensorflow as tf

import vqvae_tf
from vqvae_tf import configs
from vqvae_tf.errors import UserError
from vqvae_tf.runs import history
from vqvae_tf.runs.workdir import Workdir


def _train_images(digits):
  train = digits['train']
  return train.fetch(tf.range(train.num_examples, dtype=tf.int64))[0].numpy()


def test_arrays_train_as_the_data_set_does(
  trained, tiny_config, digits, tmp_path
):
  """The same examples by another door: the same weights, bit for bit."""
  held = digits['validation']
  every = tf.range(held.num_examples, dtype=tf.int64)
  seen = []
  model = vqvae_tf.train(
    tiny_config,
    _train_images(digits),
    tmp_path / 'run',
    validation=held.fetch(every)[0].numpy(),
    callback=lambda *entry: seen.append(entry),
  )
  images = _train_images(digits)[:9]
  np.testing.assert_array_equal(
    model.encode(images), vqvae_tf.load(trained.path).encode(images)
  )
  assert model.config.data.dataset == 'arrays'
  assert model.config.run.steps == 4
  logged = list(history.read(Workdir(tmp_path / 'run').metrics_path))
  assert [entry[:2] for entry in seen] == [
    (2, 'train'), (2, 'validation'), (4, 'train'), (4, 'validation')
  ]  # fmt: skip
  assert len(logged) == 4
  assert seen[1][2]['bits_per_dim'] == logged[1]['bits_per_dim']


def test_settings_replace_those_of_a_preset(digits, tmp_path, eagerly):
  model = vqvae_tf.train(
    'digits', workdir=tmp_path / 'x', steps=1, num_hiddens=8, batch_size=4
  )
  assert model.config == configs.replace(
    model.config, steps=1, num_hiddens=8, batch_size=4, dataset='digits'
  )
  with pytest.raises(UserError, match='was trained with --num_hiddens=8'):
    vqvae_tf.train('digits', workdir=tmp_path / 'x', steps=2, num_hiddens=9)


def test_mistakes_are_told(tmp_path):
  with pytest.raises(UserError, match="called 'stepz': did you mean 'steps'"):
    vqvae_tf.train('digits', stepz=1)
  with pytest.raises(UserError, match="'mnits'.*did you mean 'mnist'"):
    vqvae_tf.train('mnits')
  with pytest.raises(ValueError, match='validation= is for data that is given'):
    vqvae_tf.train('digits', 'digits', validation=np.zeros([1, 8, 8, 1]))
