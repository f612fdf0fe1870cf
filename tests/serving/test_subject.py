"""A subject's prior: found, refused, and the same from an export."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import files
from vqvae_tf.errors import UserError
from vqvae_tf.runs.run import Run
from vqvae_tf.runs.standing import known_standing, write_standing
from vqvae_tf.runs.workdir import PriorWorkdir, Workdir
from vqvae_tf.serving import load, manifest


@pytest.fixture
def copied(with_prior, tmp_path):
  """A run with a prior that a test may change."""
  return Workdir(shutil.copytree(with_prior.path, tmp_path / 'run'))


@pytest.fixture(scope='module')
def codes():
  generator = np.random.default_rng(0)
  return generator.integers(0, 16, [5, 4, 4, 1], np.int32)


def test_a_prior_is_found(with_prior, code_prior, codes):
  found = load.from_run(Run(with_prior)).prior
  assert found.num_classes == 10
  labels = np.array([0, 9, 3, 3, 1], np.int32)
  expected = code_prior.nats(codes, labels) / np.log(2)
  # Graphs may fuse differently.
  np.testing.assert_allclose(
    found.code_bits(codes, labels), expected, rtol=1e-5, atol=1e-6
  )
  learned = found.cost(codes, labels).marginal
  marginal = code_prior.marginal_nats(codes) / np.log(2)
  np.testing.assert_allclose(learned, marginal, rtol=1e-5)


def test_no_prior(trained):
  assert load.from_run(Run(trained)).prior is None
  assert Run(trained).prior is None


def test_a_prior_without_a_checkpoint_is_none(copied):
  shutil.rmtree(copied.path / 'prior' / 'checkpoints')
  assert Run(copied).prior is None


def _config_of_prior(workdir, **changes):
  path = workdir.path / 'prior' / 'config.json'
  files.write_json(path, files.read_json(path) | changes)


def test_a_prior_of_another_model_is_refused(copied):
  _config_of_prior(copied, fingerprint='0')
  match = (
    f'{copied}/prior is the prior of an earlier model: train one for this '
    f'with bin/prior --workdir={copied}, or remove {copied}/prior'
  )
  with pytest.raises(UserError, match=match):
    load.from_run(Run(copied))


def test_a_prior_of_a_model_that_was_trained_further_is_refused(copied):
  """Settings and step of the prior are as they were; the weights are not."""
  assert Run(copied).prior
  model = Run(copied).model
  for variable in model.trainable_variables:
    variable.assign(1.01 * variable)
  state = copied.last_state()
  trainer = tf.train.Checkpoint(model=model)
  copied.save(tf.train.Checkpoint(trainer=trainer), state)
  with pytest.raises(UserError, match='is the prior of an earlier model'):
    Run(copied).prior.check_proven()


class TestBaseline:
  @pytest.fixture
  def missed(self, copied):
    """A run whose prior is as good as its baseline."""
    own = PriorWorkdir(copied)
    standing = known_standing(own)
    write_standing(own, standing._replace(marginal=3.75))
    return copied

  def test_beaten(self, with_prior):
    assert load.from_run(Run(with_prior)).prior.warning == ''
    prior = Run(with_prior).prior
    prior.check_proven()
    assert (prior.model.num_classes, prior.config.grid) == (10, (4, 4))
    assert (prior.standing.step, prior.standing.marginal) == (1, 3.5)

  def test_missed(self, missed):
    found = (
      f'{missed}/prior misses the unigram baseline on the validation split: '
      '3.7500 bits per code, unigram 3.7500'
    )
    assert load.from_run(Run(missed)).prior.warning == found
    match = (
      f'{found}: train it longer with bin/prior --workdir={missed}, or remove '
      f'{missed}/prior to do without$'
    )
    with pytest.raises(UserError, match=match):
      Run(missed).prior.check_proven()

  def test_unknown(self, copied):
    PriorWorkdir(copied).standing_path.unlink()
    assert load.from_run(Run(copied)).prior.warning == ''
    match = (
      f'{copied}/prior is not compared .*: let bin/prior --workdir={copied} '
      f'come .*--steps=1 .*, or remove {copied}/prior to do without$'
    )
    with pytest.raises(UserError, match=match):
      Run(copied).prior.check_proven()


def test_a_damaged_prior(copied):
  weights = next((copied.path / 'prior').rglob('weights.data*'))
  weights.write_bytes(weights.read_bytes()[:100])
  with pytest.raises(
    UserError, match='prior/checkpoints/00000001 is missing, '
  ):
    _ = Run(copied).prior.model


def test_a_prior_of_another_network(copied):
  path = copied.path / 'prior' / 'config.json'
  values = files.read_json(path)
  values['network']['num_hiddens'] += 1
  files.write_json(path, values)
  with pytest.raises(
    UserError, match='is missing, damaged or of another model'
  ):
    _ = Run(copied).prior.model


def test_an_export_has_the_same_prior(code_prior, exported_with_prior, codes):
  ours = load.from_export(exported_with_prior).prior
  assert ours.num_classes == 10
  labels = np.array([0, 9, 3, 3, 1], np.int32)
  expected = code_prior.nats(codes, labels) / np.log(2)
  np.testing.assert_allclose(
    ours.code_bits(codes, labels), expected, rtol=1e-5, atol=1e-6
  )
  given = np.roll(codes[:1], 1)
  mask = np.arange(16).reshape([1, 4, 4, 1]) % 2 == 0
  drawn = ours.sample(6, [1, 2], 3, 1.0, 1.0, given, mask)
  assert drawn.codes.shape == (6, 4, 4, 1)
  assert drawn.images.shape == (6, 8, 8, 1)
  kept = np.broadcast_to(mask, drawn.codes.shape)
  np.testing.assert_array_equal(
    drawn.codes[kept], np.broadcast_to(given, drawn.codes.shape)[kept]
  )
  assert np.any(drawn.codes[0] != drawn.codes[1])


def test_an_export_without_its_prior_is_damaged(exported_with_prior, tmp_path):
  copy = shutil.copytree(exported_with_prior, tmp_path / 'copy')
  path = copy / 'assets' / 'metadata.json'
  metadata = files.read_json(path)
  del metadata['prior']['num_classes']
  files.write_json(path, metadata)
  manifest.write(copy)
  match = 'the export .*copy is damaged: num_classes is None, not in '
  with pytest.raises(UserError, match=match):
    load.from_export(copy)
