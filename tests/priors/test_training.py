import math
import os
import signal

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import configs
from vqvae_tf.configs import PriorConfig
from vqvae_tf.errors import UserError
from vqvae_tf.models import serve_prior
from vqvae_tf.priors import measuring, training
from vqvae_tf.priors.codes import Codes, CodeSource
from vqvae_tf.priors.measuring import baselines
from vqvae_tf.runs import history
from vqvae_tf.runs.run import PriorRun
from vqvae_tf.runs.workdir import PriorWorkdir, Workdir
from vqvae_tf.training import loop

# TensorFlow notes that tf.data stays compiled when a test runs eagerly.
pytestmark = pytest.mark.filterwarnings('ignore:Even though the:UserWarning')

TINY = {
  'num_hiddens': 8,
  'num_layers': 1,
  'dropout': 0.5,
  # Muon takes longer to be compiled; the loop knows no difference.
  'optimizer': 'adam',
  'batch_size': 4,
  'steps': 4,
  'evaluate_every': 2,
  'log_every': 2,
}


def _source(split, count, class_names):
  """Codes that repeat the one before, and tell the label."""
  labels = np.arange(count, dtype=np.int32) % 2
  codes = np.broadcast_to(labels[:, None, None, None], [count, 2, 3, 2])
  return CodeSource(split, codes.astype(np.uint8), labels, class_names)


@pytest.fixture
def codes():
  sizes = {'train': 20, 'validation': 6, 'test': 4}
  splits = {k: _source(k, n, ('even', 'odd')) for k, n in sizes.items()}
  return Codes(splits, (4, 3), 48, 'abc')


@pytest.fixture
def train(tmp_path, codes):
  """Trains the prior of the model in tmp_path / name, settings changed."""

  def run(name='run', fingerprint='abc', decode=None, **changes):
    workdir = PriorWorkdir(Workdir(tmp_path / name))
    config = configs.replace(PriorConfig(), **{**TINY, **changes})
    current = codes._replace(fingerprint=fingerprint)
    state = training.train(config, workdir, current, decode)
    assert state == workdir.last_state()
    return workdir

  return run


def _restored(workdir):
  run = PriorRun(workdir)
  return run.model, run.config, run.step


def _entries(workdir):
  return [
    {k: v for k, v in entry.items() if k != 'images_per_second'}
    for entry in history.read(workdir.metrics_path)
  ]


def _variables(workdir):
  prefix = workdir.weights(workdir.steps()[-1])[0].with_suffix('')
  reader = tf.train.load_checkpoint(str(prefix))
  return {
    key: reader.get_tensor(key)
    for key in reader.get_variable_to_shape_map()
    if key != '_CHECKPOINTABLE_OBJECT_GRAPH'
  }


@pytest.mark.usefixtures('eagerly')
def test_4_and_4_steps_equal_8(train):
  """With dropout and averages, as by default."""
  train('cut')
  resumed, whole = train('cut', steps=8), train('whole', steps=8)
  ours, theirs = _variables(resumed), _variables(whole)
  assert ours.keys() == theirs.keys()
  assert any('dropout/_steps' in key for key in ours)
  for key, value in ours.items():
    np.testing.assert_array_equal(value, theirs[key], err_msg=key)
  assert _entries(resumed) == _entries(whole)
  states = [run.last_state()._replace(seconds=0) for run in (resumed, whole)]
  assert states[0] == states[1]


@pytest.mark.usefixtures('eagerly')
@pytest.mark.parametrize('network', ['transformer', 'wavenet'])
def test_other_networks(train, network):
  workdir = train(network=network, steps=1, conditional=False)
  prior, config, step = _restored(workdir)
  assert (config.network.network, step) == (network, 1)
  assert prior.nats(tf.zeros([1, 2, 3, 2], tf.int32)).shape == [1, 2, 3, 2]


@pytest.mark.usefixtures('eagerly')
def test_what_a_run_writes(train, codes):
  workdir = train()
  config = workdir.load_config()
  assert config.grid == (2, 3)
  assert config.codebook_sizes == (4, 3)
  assert config.num_dims == 48
  assert config.class_names == ('even', 'odd')
  assert config.fingerprint == 'abc'
  entries = _entries(workdir)
  assert [(entry['step'], entry['group']) for entry in entries] == [
    (2, 'train'),
    (2, 'validation'),
    (4, 'train'),
    (4, 'validation'),
  ]
  for entry in (entries[0], entries[2]):
    assert entry['bits_per_code'] == pytest.approx(
      entry['loss'] / math.log(2), rel=1e-6
    )
  last = entries[-1]
  assert last['num_examples'] == 6
  # 12 codes in an image of 48 dimensions.
  assert last['code_bits_per_dim'] == pytest.approx(last['bits_per_code'] / 4)
  best = workdir.last_state()
  assert best.best_bits_per_dim == min(
    entry['code_bits_per_dim'] for entry in entries if len(entry) == 5
  )
  # The best checkpoint again, in a batch of another size.
  prior, config, step = _restored(workdir)
  assert step == best.best_step
  found = measuring.measure(
    serve_prior(prior), config, codes.splits['validation']
  )
  assert found.given_class / 4 == pytest.approx(
    best.best_bits_per_dim, rel=1e-6
  )


@pytest.mark.usefixtures('eagerly')
def test_samples_in_tensorboard(train):
  drawn = []

  def decode(codes):
    drawn.append(codes)
    return tf.cast(tf.repeat(codes[..., :1], 4, -2), tf.uint8)

  workdir = train(decode=decode)
  # At validations, not at step 1 as well; two classes, and one seed.
  assert [codes.shape for codes in drawn] == [(16, 2, 3, 2)] * 2
  assert np.all(np.max(drawn, (0, 1, 2, 3)) < (4, 3))
  events = [
    tf.compat.v1.Event.FromString(record.numpy())
    for path in (workdir.path / 'tensorboard').iterdir()
    for record in tf.data.TFRecordDataset(str(path))
  ]
  steps = [
    event.step
    for event in events
    for value in event.summary.value
    if value.tag == 'samples'
  ]
  assert steps == [2, 4]


def test_what_can_be_known_is_learned(train, codes):
  workdir = train(
    steps=100,
    evaluate_every=100,
    learning_rate=0.01,
    warmup_steps=0,
    average_decay=0.0,
    dropout=0.0,
  )
  prior, config, _ = _restored(workdir)
  found = measuring.measure(
    serve_prior(prior), config, codes.splits['validation']
  )
  # One bit in all, the label, for 12 codes; and next to nothing given it.
  assert found.marginal == pytest.approx(1 / 12, abs=0.02)
  assert found.given_class < 0.02
  assert baselines(codes, 'validation').unigram > 1


@pytest.mark.usefixtures('eagerly')
class TestPatience:
  @pytest.fixture
  def scores(self, monkeypatch):
    """Lets validations find these bits per code, one after the other."""

    def arrange(*scores):
      left = iter(scores)
      monkeypatch.setattr(measuring, 'mean_bits', lambda *_: next(left))

    return arrange

  def test_ends_a_run(self, train, scores, capsys):
    settings = {'steps': 9, 'evaluate_every': 1, 'patience': 2}
    scores(2.0, 1.0, 3.0, 1.0)
    workdir = train(**settings)
    state = workdir.last_state()
    assert (state.step, state.best_step, state.num_worse) == (4, 2, 2)
    assert workdir.steps() == [2, 4]
    line = (
      'stopped at step 4: 2 validations were no better than that of step 2\n'
    )
    assert capsys.readouterr().out.endswith(line)
    config = workdir.load_config()
    assert training.is_finished(config, state)
    # The same again takes no step, and more patience goes on.
    scores()
    assert train(**settings).last_state() == state
    assert capsys.readouterr().out.endswith(f'trainable\n{line}')
    scores(0.5, 0.6, 0.4, 0.7, 0.8)
    state = train(**settings | {'patience': 3}).last_state()
    assert (state.step, state.best_step, state.num_worse) == (9, 7, 2)

  def test_of_zero_does_not(self, train, scores):
    scores(1.0, 2.0, 3.0)
    workdir = train(steps=3, evaluate_every=1, patience=0)
    assert workdir.last_state()[:2] == (3, 1)


@pytest.mark.usefixtures('eagerly')
def test_a_signal_is_no_end(train, monkeypatch):
  advance = loop._Loop._advance

  def advance_and_stop(run, batches):
    os.kill(os.getpid(), signal.SIGTERM)
    return advance(run, batches)

  monkeypatch.setattr(loop._Loop, '_advance', advance_and_stop)
  workdir = train()
  state = workdir.last_state()
  assert 0 < state.step < 4
  assert not training.is_finished(workdir.load_config(), state)


@pytest.mark.usefixtures('eagerly')
def test_a_retrained_model_gets_another_prior(train, capsys):
  earlier = train()
  earlier.standing_path.touch()
  capsys.readouterr()
  workdir = train(steps=2, fingerprint='abd')
  assert not workdir.standing_path.exists()
  assert capsys.readouterr().out.startswith(
    f'{workdir} is the prior of an earlier model: it is trained anew\n'
  )
  assert workdir.load_config().fingerprint == 'abd'
  assert workdir.steps() == [2]
  assert [entry['step'] for entry in _entries(workdir)] == [2, 2]


@pytest.mark.usefixtures('eagerly')
def test_other_settings_are_refused(train, tmp_path):
  workdir = train(steps=1)
  match = '--dropout=0.5, not 0.1: leave that flag as it was, or remove .*prior'
  with pytest.raises(UserError, match=match):
    train(dropout=0.1)
  assert workdir.steps() == [1]
  with pytest.raises(UserError, match='9 channels have no 4 equal parts'):
    train('other', network='transformer', num_hiddens=9)
  assert not (tmp_path / 'other' / 'prior' / 'config.json').exists()


def test_a_folder_without_a_prior(tmp_path):
  workdir = PriorWorkdir(Workdir(tmp_path))
  with pytest.raises(UserError, match=f'with bin/prior --workdir={tmp_path}$'):
    _restored(workdir)
  workdir.save_config(PriorConfig())
  with pytest.raises(UserError, match='no checkpoint yet: .* bin/prior --work'):
    _restored(workdir)
