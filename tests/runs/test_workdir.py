import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import configs, files
from vqvae_tf.errors import UserError
from vqvae_tf.runs.workdir import State, Workdir


class Thing(tf.Module):
  """Something with variables."""

  def __init__(self, values):
    super().__init__()
    self.values = tf.Variable(values)

  def checkpoint(self):
    return tf.train.Checkpoint(thing=self)


@pytest.fixture
def workdir(tmp_path):
  return Workdir(tmp_path / 'run')


def save(workdir, step, best_step=-1, value=None):
  thing = Thing([float(step if value is None else value)] * 1000)
  workdir.save(thing.checkpoint(), State(step, best_step, 2.5, 1.5))


def restored(workdir, step):
  thing = Thing([-1.0] * 1000)
  workdir.restore(thing.checkpoint(), step)
  return set(thing.values.numpy())


def folder(workdir, step):
  return workdir.path / 'checkpoints' / f'{step:08d}'


def test_nothing_is_created_before_it_is_needed(workdir):
  assert not workdir.has_config()
  assert workdir.steps() == []
  assert workdir.last_state() == State()
  assert not workdir.path.exists()


def test_state_comes_back(workdir):
  save(workdir, 40, best_step=40)
  assert workdir.last_state() == State(40, 40, 2.5, 1.5)
  assert workdir.best_step() == 40
  assert restored(workdir, 40) == {40.0}


def test_state_before_any_validation(workdir):
  state = State(step=3)
  workdir.save(Thing([1.0]).checkpoint(), state)
  assert workdir.last_state() == state
  assert workdir.best_step() == 3


def test_best_and_last_are_kept(workdir):
  kept = []
  for step, best in [(1, -1), (2, 2), (3, 2), (4, 2), (5, 5), (6, 5)]:
    save(workdir, step, best)
    kept.append(workdir.steps())
  assert kept == [[1], [2], [2, 3], [2, 4], [5], [5, 6]]
  assert workdir.best_step() == 5
  assert restored(workdir, 5) == {5.0}
  assert restored(workdir, 6) == {6.0}


def test_a_step_can_be_saved_again(workdir):
  save(workdir, 1)
  save(workdir, 1, value=7)
  assert workdir.steps() == [1]
  assert restored(workdir, 1) == {7.0}


def breaking(thing, error):
  """A checkpoint of which half is written when `error` comes."""
  checkpoint = thing.checkpoint()

  def write(prefix):
    pathlib.Path(prefix + '.data-00000-of-00001').write_bytes(b'half')
    raise error

  checkpoint.write = write
  return checkpoint


@pytest.mark.parametrize(
  'error, expected',
  [
    (
      tf.errors.ResourceExhaustedError(None, None, 'disk full\nat x'),
      OSError,
    ),
    (KeyboardInterrupt(), KeyboardInterrupt),
  ],
)
def test_failed_write_leaves_the_earlier_checkpoint(workdir, error, expected):
  save(workdir, 1, best_step=1)
  with pytest.raises(expected) as caught:
    workdir.save(breaking(Thing([2.0]), error), State(2, 2))
  if expected is OSError:
    message = str(caught.value)
    assert message == f'cannot write {folder(workdir, 2)}: disk full'
  assert workdir.steps() == [1]
  assert workdir.last_state().step == 1
  assert restored(workdir, 1) == {1.0}
  # What was left aside does not stand in the way.
  save(workdir, 2, best_step=2)
  assert workdir.steps() == [2]
  assert [path.name for path in folder(workdir, 2).parent.iterdir()] == [
    '00000002'
  ]


def test_failed_state_leaves_the_earlier_checkpoint(workdir, monkeypatch):
  save(workdir, 1)

  def fail(*_):
    raise OSError('no space left')

  with monkeypatch.context() as patch:
    patch.setattr(pathlib.Path, 'write_text', fail)
    with pytest.raises(OSError, match='no space left'):
      save(workdir, 2)
  assert workdir.steps() == [1]
  assert restored(workdir, 1) == {1.0}


def test_missing_checkpoint_is_refused(workdir):
  save(workdir, 1)
  with pytest.raises(UserError, match='checkpoints/00000002 is missing'):
    restored(workdir, 2)


def damage(path, how):
  if how == 'removed':
    path.unlink()
  elif how == 'truncated':
    path.write_bytes(path.read_bytes()[:-100])
  else:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize('how', ['removed', 'truncated', 'flipped'])
@pytest.mark.parametrize(
  'name', ['weights.index', 'weights.data-00000-of-00001']
)
def test_damaged_weights_are_refused(workdir, name, how):
  save(workdir, 1)
  damage(folder(workdir, 1) / name, how)
  with pytest.raises(UserError, match='00000001 is missing, damaged') as caught:
    restored(workdir, 1)
  assert '\n' not in str(caught.value)


@pytest.mark.parametrize('text', [None, '', '[]', '{"step": 1, "other": 2}'])
def test_damaged_state_is_refused(workdir, text):
  save(workdir, 1, best_step=1)
  save(workdir, 2, best_step=1)
  path = folder(workdir, 2) / 'state.json'
  path.unlink() if text is None else path.write_text(text)
  for question in (workdir.last_state, workdir.best_step):
    with pytest.raises(UserError, match='00000002 is damaged .* remove that'):
      question()
  # As the message says.
  shutil.rmtree(path.parent)
  assert workdir.last_state().step == 1


@pytest.mark.parametrize(
  'other',
  [
    tf.train.Checkpoint(thing=Thing([0.0] * 999)),
    tf.train.Checkpoint(thing=Thing([0.0] * 1000), more=Thing([0.0])),
    tf.train.Checkpoint(object=Thing([0.0] * 1000)),
    tf.train.Checkpoint(thing=Thing([0] * 1000)),
  ],
  ids=['shape', 'more', 'name', 'dtype'],
)
def test_other_models_are_refused(workdir, other):
  save(workdir, 1)
  with pytest.raises(UserError, match='00000001 is .* of another model') as e:
    workdir.restore(other, 1)
  assert '\n' not in str(e.value)


def test_workdir_without_checkpoint(workdir):
  with pytest.raises(UserError, match='run has no checkpoint yet: train it'):
    workdir.best_step()


def test_config_comes_back(workdir):
  config = configs.observed(configs.Config(), (28, 28, 1), ('a',))
  workdir.save_config(config)
  assert workdir.has_config()
  assert workdir.load_config() == config


def test_no_workdir_is_refused(workdir):
  with pytest.raises(UserError, match='run is no workdir: it has no config'):
    workdir.load_config()


@pytest.mark.parametrize(
  'data', [b'{', b'\xff\xfe', b'{"image_shape": null, "class_names": []']
)
def test_damaged_config_is_refused(workdir, data):
  workdir.save_config(configs.Config())
  (workdir.path / 'config.json').write_bytes(data)
  with pytest.raises(UserError, match='run/config.json is damaged: '):
    workdir.load_config()


def test_config_of_other_fields_is_refused(workdir):
  workdir.save_config(configs.Config())
  path = workdir.path / 'config.json'
  sections = files.read_json(path)
  sections['run']['step'] = 3
  files.write_json(path, sections)
  with pytest.raises(
    UserError, match="run/config.json is damaged: .*did you mean 'steps'"
  ):
    workdir.load_config()


def test_failed_text_leaves_the_earlier_one(tmp_path, monkeypatch):
  path = tmp_path / 'config.json'
  files.write_text(path, 'whole')
  write = pathlib.Path.write_text

  def write_half(self, text):
    write(self, text[: len(text) // 2])
    raise OSError('no space left')

  with monkeypatch.context() as patch:
    patch.setattr(pathlib.Path, 'write_text', write_half)
    with pytest.raises(OSError, match='no space left'):
      files.write_text(path, 'another')
  assert path.read_text() == 'whole'
  files.write_text(path, 'third')
  assert path.read_text() == 'third'
  assert list(tmp_path.iterdir()) == [path]


def test_lock_refuses_a_second_run(workdir):
  with workdir.locked():
    with pytest.raises(UserError, match='another run trains in .*run: wait'):
      with Workdir(workdir.path).locked():
        pass
  with workdir.locked():
    pass


def test_lock_is_given_back_by_a_failure(workdir):
  with pytest.raises(np.linalg.LinAlgError):
    with workdir.locked():
      raise np.linalg.LinAlgError
  with workdir.locked():
    pass


def test_two_workdirs_do_not_wait_for_each_other(tmp_path):
  with Workdir(tmp_path / 'a').locked(), Workdir(tmp_path / 'b').locked():
    pass
