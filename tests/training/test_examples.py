import math
import os
import shutil
import signal

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import configs
from vqvae_tf.errors import UserError
from vqvae_tf.metrics import measure
from vqvae_tf.models import VQVAE
from vqvae_tf.runs import history, snapshots
from vqvae_tf.runs.run import Run
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.training import examples, loop

# TensorFlow notes that tf.data stays compiled when a test runs eagerly.
pytestmark = pytest.mark.filterwarnings('ignore:Even though the:UserWarning')

# Nothing that time decides can be the same in two runs.
_TIMES = ('images_per_second', 'seconds')


@pytest.fixture
def copied(tmp_path, trained):
  """A workdir of 4 steps that a test may change."""
  return Workdir(shutil.copytree(trained.path, tmp_path / 'run'))


@pytest.fixture
def stop_at(monkeypatch):
  """Sends this process a signal when a run has taken so many steps."""
  advance = loop._Loop._advance

  def arrange(step):

    def advance_and_stop(run, batches):
      run._seconds_per_step = math.inf  # one step at a time
      advance(run, batches)
      if run._state.step == step:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(loop._Loop, '_advance', advance_and_stop)

  return arrange


def _variables(workdir, step=None):
  """Every variable of a checkpoint, read from its files."""
  folder = workdir.path / 'checkpoints' / f'{step or workdir.steps()[-1]:08d}'
  reader = tf.train.load_checkpoint(str(folder / 'weights'))
  return {
    key: reader.get_tensor(key)
    for key in reader.get_variable_to_shape_map()
    if key != '_CHECKPOINTABLE_OBJECT_GRAPH'
  }


def _entries(workdir):
  return [
    {k: v for k, v in entry.items() if k not in _TIMES}
    for entry in history.read(workdir.metrics_path)
  ]


def _state(workdir):
  return workdir.last_state()._replace(seconds=0.0)


def _assert_same_run(one, other):
  ours, theirs = _variables(one), _variables(other)
  assert ours.keys() == theirs.keys()
  for key, value in ours.items():
    np.testing.assert_array_equal(value, theirs[key], err_msg=key)
  assert _entries(one) == _entries(other)
  assert _state(one) == _state(other)
  np.testing.assert_equal(snapshots.read(one), snapshots.read(other))


def test_4_and_4_steps_equal_8(copied, train):
  # What a process leaves that is killed between two checkpoints.
  history.append(copied.metrics_path, 5, 'train', {'loss': 1.0})
  with open(copied.metrics_path, 'a') as file:
    file.write('{"step": 6, "gro')
  partial = copied.path / 'checkpoints' / '.00000006.partial'
  partial.mkdir()
  (partial / 'weights.index').write_text('half')
  assert copied.steps() == [4]
  snapshots.write(copied, 7, dict.fromkeys(snapshots.KEPT, np.zeros([1])))
  resumed = train(steps=8)
  assert resumed.last_state().step == 8
  assert not partial.exists()
  _assert_same_run(resumed, train('whole', steps=8))


@pytest.mark.usefixtures('eagerly')
def test_a_stop_within_an_interval_and_an_epoch(train, stop_at):
  # 22 steps are an epoch of batches of 64.
  settings = {'batch_size': 64, 'evaluate_every': 13, 'log_every': 4}
  settings['steps'] = 26
  whole = train('whole', **settings)
  groups = [(entry['step'], entry['group']) for entry in _entries(whole)]
  assert (22, 'epoch') in groups and (26, 'validation') in groups
  # The powers of two and the validations.
  steps = [snapshot.step for snapshot in snapshots.read(whole)]
  assert steps == [1, 2, 4, 8, 13, 16, 26]
  stop_at(9)
  cut = train('cut', **settings)
  assert cut.last_state().step == 9
  stop_at(None)
  _assert_same_run(train('cut', **settings), whole)


@pytest.mark.usefixtures('eagerly')
@pytest.mark.parametrize('precision', ['mixed_bfloat16', 'mixed_float16'])
def test_resuming_in_16_bits(train, precision):
  # The codebook starts where vectors of 16 bits are.
  train('cut', steps=2, precision=precision)
  resumed = train('cut', steps=4, precision=precision)
  _assert_same_run(resumed, train('whole', steps=4, precision=precision))
  last = _entries(resumed)[-1]
  assert math.isfinite(last['bits_per_dim']) and last['perplexity'] > 1
  scales = [v for k, v in _variables(resumed).items() if 'scale/value' in k]
  assert len(scales) == (precision == 'mixed_float16')


def test_resuming_keeps_the_compilation(train):
  train('cut', steps=2, compile='xla')
  resumed = train('cut', steps=4)
  assert resumed.load_config().run.compile == 'xla'
  _assert_same_run(resumed, train('whole', steps=4, compile='xla'))


# Where codes start, and restart, at vectors of the first and the last part
# alone, another one draws others.
def test_resuming_in_parts(train):
  train('cut', steps=2, accumulation_steps=2)
  resumed = train('cut', steps=4, accumulation_steps=2)
  _assert_same_run(resumed, train('whole', steps=4, accumulation_steps=2))


def test_a_schedule_needs_its_steps(train):
  with pytest.raises(UserError, match='nothing without --decay_steps: give'):
    train(schedule='exponential')


@pytest.mark.usefixtures('eagerly')
def test_averages_and_flips(train, digits, monkeypatch):
  settings = {
    'average_decay': 0.9,
    'flip': True,
    'warmup_steps': 3,
    'optimizer': 'muon',
  }
  validated, original = [], measure.measure

  def watching(assess, batches, sizes):
    validated.append(np.concatenate([images for images, _ in batches]))
    return original(assess, batches, sizes)

  monkeypatch.setattr(measure, 'measure', watching)
  train('cut', steps=2, **settings)
  resumed = train('cut', steps=4, **settings)
  _assert_same_run(resumed, train('whole', steps=4, **settings))
  # What is validated: images as they are, the weights that are loaded.
  indices = tf.range(digits['validation'].num_examples, dtype=tf.int64)
  images = digits['validation'].fetch(indices)[0]
  assert len(validated) == 4
  for each in validated:
    np.testing.assert_array_equal(each, images)
  run = Run(resumed)
  model, step = run.model, run.step
  expected = resumed.last_state().best_bits_per_dim
  # A sum of float32 in other batches.
  assert _bits_per_dim(model, images) == pytest.approx(expected, rel=1e-6)
  # The weights of the steps themselves, which the checkpoint has as well.
  root = tf.train.Checkpoint(trainer=tf.train.Checkpoint(model=model))
  resumed.restore(root, step)
  assert _bits_per_dim(model, images) != pytest.approx(expected, rel=1e-4)


def _bits_per_dim(model, images):
  sizes = model.quantizer.codebook_sizes
  return measure.measure(model.assess, [(images, None)], sizes).bits_per_dim


class TestSettings:
  @pytest.mark.usefixtures('eagerly')
  def test_steps_intervals_and_data_folder_may_change(
    self, copied, train, tmp_path
  ):
    train(steps=6, log_every=1, evaluate_every=7, data_dir=str(tmp_path))
    config = copied.load_config()
    assert config.run == configs.RunConfig(6, 7, 1, compile='graph')
    assert config.data.data_dir == str(tmp_path)
    groups = [(entry['step'], entry['group']) for entry in _entries(copied)]
    assert groups[4:] == [(5, 'train'), (6, 'train'), (6, 'validation')]

  @pytest.mark.usefixtures('eagerly')
  def test_fewer_steps_leave_a_run_alone(self, copied, train):
    before = _entries(copied), _state(copied)
    train(steps=2)
    assert (_entries(copied), _state(copied)) == before
    assert copied.steps() == [4]

  def test_nothing_else_may(self, trained, tiny_config, digits):
    names = {
      'dataset': 'mnist',
      'quantizer': 'gradient',
      'optimizer': 'muon',
      'initialization': 'data',
      'unused_codes': 'keep',
      'likelihood': 'normal',
      'decoder': 'autoregressive',
      'precision': 'mixed_float16',
      'estimator': 'rotation',
      'flip': True,
      'schedule': 'exponential',
    }
    may_change = (
      'steps',
      'evaluate_every',
      'log_every',
      'data_dir',
      'distribute',
      'compile',
    )
    fixed = [
      field
      for field, _ in configs.fields(tiny_config)
      if field.name not in may_change and configs.counts(tiny_config, field)
    ]
    assert len(fixed) > 15
    for field in fixed:
      value = {int: 7, float: 0.7}.get(field.type) or names[field.name]
      changed = configs.replace(tiny_config, **{field.name: value})
      match = f'was trained with --{field.name}=.*, not {value}: .*--workdir'
      with pytest.raises(UserError, match=match):
        examples.train(changed, trained, digits['train'], digits['validation'])
    assert trained.load_config().run.steps == 4

  def test_settings_that_do_not_work_leave_no_trace(self, train, tmp_path):
    with pytest.raises(UserError, match='8x8 cannot be halved 4 times'):
      train(num_halvings=4)
    assert not (tmp_path / 'run' / 'config.json').exists()


class TestNonFinite:
  def test_the_step_is_named(self, train, tmp_path):
    workdir = Workdir(tmp_path / 'run')
    # Adam's first step moves each weight by the rate: the next loss overflows.
    with pytest.raises(UserError) as caught:
      train(learning_rate=1e30, evaluate_every=10)
    caught.match(
      'the loss is not finite at step 2: use a lower --learning_rate'
    )
    assert '\n' not in str(caught.value)
    assert workdir.steps() == []

  @pytest.mark.usefixtures('eagerly')
  def test_what_is_saved_stays(self, copied, train, monkeypatch):
    losses = VQVAE.losses

    def overflowing(model, batch, is_training):
      result = losses(model, batch, is_training)
      return result._replace(loss=result.loss + np.inf)

    before = _variables(copied), _state(copied)
    monkeypatch.setattr(VQVAE, 'losses', overflowing)
    match = 'not finite at step 5: the checkpoints in .*run are intact; use a'
    with pytest.raises(UserError, match=match):
      train(steps=8)
    assert copied.steps() == [4] and _state(copied) == before[1]
    for key, value in _variables(copied).items():
      np.testing.assert_array_equal(value, before[0][key])

  def test_ruined_weights_are_not_saved(self, train, tmp_path):
    # The loss of step 1 is finite, its update is not worth keeping.
    with pytest.raises(UserError, match='validation split is not finite at st'):
      train(learning_rate=1e30, evaluate_every=1)
    assert Workdir(tmp_path / 'run').steps() == []

  @pytest.mark.usefixtures('eagerly')
  def test_a_run_without_a_checkpoint_may_start_otherwise(self, train):
    with pytest.raises(UserError, match='bernoulli is for images of the value'):
      train(likelihood='bernoulli')
    workdir = train(likelihood='normal', steps=1)
    assert workdir.load_config().likelihood.likelihood == 'normal'
    assert workdir.steps() == [1]


@pytest.mark.usefixtures('eagerly')
def test_best_and_last_are_kept(train, monkeypatch):
  original, scores = measure.measure, iter([2.0, 1.0, 3.0, 4.0])
  monkeypatch.setattr(
    measure,
    'measure',
    lambda *args: original(*args)._replace(bits_per_dim=next(scores)),
  )
  workdir = train(steps=2, evaluate_every=1)
  assert workdir.steps() == [2]
  train(steps=4, evaluate_every=1)
  assert workdir.steps() == [2, 4]
  state = workdir.last_state()
  assert state[:3] == (4, 2, 1.0)
  assert workdir.best_step() == 2


def test_what_a_run_writes(trained, digits):
  groups = [(entry['step'], entry['group']) for entry in _entries(trained)]
  assert groups == [
    (2, 'train'),
    (2, 'validation'),
    (4, 'train'),
    (4, 'validation'),
  ]
  config = trained.load_config()
  assert config.example_shape == (8, 8, 1)
  assert config.class_names == tuple('0123456789')
  last = _entries(trained)[-1]
  assert last['num_examples'] == digits['validation'].num_examples
  # 4x4 positions of log2(16) bits over 64 pixels.
  assert last['code_bits_per_dim'] == 1
  summaries = _summaries(trained.path / 'tensorboard')
  assert {
    'train/loss',
    'validation/bits_per_dim',
    'validation/psnr_db',
    'originals',
    'reconstructions',
    'errors',
    'codes',
  } <= summaries


@pytest.mark.usefixtures('eagerly')
def test_epoch_statistics(train):
  workdir = train(batch_size=256, steps=5)
  [entry] = [e for e in _entries(workdir) if e['group'] == 'epoch']
  assert entry['step'] == 1438 // 256
  assert 0 < entry['codes_in_use'] <= 1 <= entry['perplexity'] <= 16
  counts = [v for k, v in _variables(workdir).items() if 'code_counts' in k]
  assert 'uses/codebook_0' in _summaries(workdir.path / 'tensorboard')
  # Taken at the epoch's end, before the checkpoint of the same step.
  assert len(counts) == 1 and not counts[0].any()


def test_a_workdir_takes_one_run_at_a_time(train, tmp_path):
  workdir = Workdir(tmp_path / 'run')
  with workdir.locked():
    with pytest.raises(UserError, match='another run trains in .*run: wait'):
      train()
  assert workdir.steps() == []


def _summaries(folder):
  tags = set()
  for path in folder.iterdir():
    for record in tf.data.TFRecordDataset(str(path)):
      event = tf.compat.v1.Event.FromString(record.numpy())
      tags |= {value.tag for value in event.summary.value}
  return tags
