import shutil

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import configs, datasets, files
from vqvae_tf.errors import UserError
from vqvae_tf.priors.codes import cached
from vqvae_tf.runs.run import Run
from vqvae_tf.runs.workdir import Workdir


def _missing(split):
  raise AssertionError(f'{split} was opened')


@pytest.fixture
def workdir(trained, tmp_path):
  """A workdir that a test may change."""
  return Workdir(shutil.copytree(trained.path, tmp_path / 'run'))


def _retrain(workdir):
  """Saves a better checkpoint of the same model."""
  run = Run(workdir)
  model, step = run.model, run.step
  model.projection.trainable_variables[0].assign_add(
    tf.ones_like(model.projection.trainable_variables[0])
  )
  trainer = tf.train.Checkpoint(model=model)
  state = workdir.last_state()._replace(step=step + 1, best_step=step + 1)
  workdir.save(tf.train.Checkpoint(trainer=trainer), state)


def test_codes_are_those_of_the_model(workdir, digits):
  codes = cached(Run(workdir), digits.get)
  model = Run(workdir).model
  assert codes.codebook_sizes == (16,)
  assert codes.num_dims == 64
  for split, source in digits.items():
    images, labels = source.fetch(tf.range(source.num_examples))
    ours = codes.splits[split]
    assert ours.codes.dtype == np.uint8
    assert ours.example_shape == (4, 4, 1)
    assert ours.class_names == tuple('0123456789')
    np.testing.assert_array_equal(ours.codes, model.encode(images))
    np.testing.assert_array_equal(ours.labels, labels)
    fetched, classes = ours.fetch(tf.constant([5, 3, 5], tf.int64))
    assert fetched.dtype == classes.dtype == tf.int32
    np.testing.assert_array_equal(fetched, ours.codes[[5, 3, 5]])
    np.testing.assert_array_equal(classes, ours.labels[[5, 3, 5]])


def test_the_cache_needs_no_data(workdir, digits):
  before = cached(Run(workdir), digits.get)
  after = cached(Run(workdir), _missing)
  assert after[1:] == before[1:]
  assert after.splits.keys() == before.splits.keys()
  for split, source in before.splits.items():
    same = after.splits[split]
    assert same.codes.dtype == source.codes.dtype
    assert same.class_names == source.class_names
    np.testing.assert_array_equal(same.codes, source.codes)
    np.testing.assert_array_equal(same.labels, source.labels)


def test_a_retrained_model_makes_other_codes(workdir, digits):
  before = cached(Run(workdir), digits.get)
  _retrain(workdir)
  with pytest.raises(AssertionError, match='train was opened'):
    cached(Run(workdir), _missing)
  after = cached(Run(workdir), digits.get)
  assert after.fingerprint != before.fingerprint
  assert np.any(after.splits['test'].codes != before.splits['test'].codes)
  assert cached(Run(workdir), _missing).fingerprint == after.fingerprint


def test_the_fingerprint_is_of_what_makes_the_codes(workdir):
  before = Run(workdir).fingerprint
  config = workdir.load_config()
  workdir.save_config(configs.replace(config, steps=9, data_dir='elsewhere'))
  assert Run(workdir).fingerprint == before
  workdir.save_config(configs.replace(config, commitment_cost=0.5))
  assert Run(workdir).fingerprint != before


def test_images_of_another_shape_are_refused(workdir, digits, monkeypatch):
  monkeypatch.setattr(digits['test'], 'example_shape', (8, 8, 3))
  with pytest.raises(UserError, match=r'takes images \(8, 8, 1\), but digits'):
    cached(Run(workdir), digits.get)
  assert not (workdir.path / 'codes.npz').exists()


def test_images_of_other_classes_are_refused(workdir, digits, monkeypatch):
  monkeypatch.setattr(digits['train'], 'class_names', ('cat', 'dog'))
  match = r"on the classes \['0', .*\.\.\.\], but digits has \['cat', 'dog'\]"
  with pytest.raises(UserError, match=match):
    cached(Run(workdir), digits.get)
  assert not (workdir.path / 'codes.npz').exists()


@pytest.mark.parametrize('damage', ['cut off', 'a byte', 'no codes'])
def test_damaged_codes_are_refused(workdir, digits, damage):
  path = workdir.path / 'codes.npz'
  cached(Run(workdir), digits.get)
  content = bytearray(path.read_bytes())
  if damage == 'cut off':
    del content[1000:]
  content[len(content) // 2] ^= 1
  path.write_bytes(content)
  if damage == 'no codes':
    np.savez(path, fingerprint=np.array(Run(workdir).fingerprint))
  with pytest.raises(UserError, match=r'codes.npz is damaged \(.*: remove it'):
    cached(Run(workdir), _missing)


def test_a_full_disk_leaves_no_codes(workdir, digits, monkeypatch):
  def full(file, **arrays):
    file.write(b'half')
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr(np, 'savez', full)
  with pytest.raises(OSError, match='cannot write .*codes.npz: .*No space'):
    cached(Run(workdir), digits.get)
  assert not list(workdir.path.glob('*codes.npz*'))


def test_a_model_in_training_is_left_alone(workdir):
  with workdir.locked():
    with pytest.raises(UserError, match='another run trains in'):
      cached(Run(workdir), _missing)


def test_no_folder_is_made_where_there_is_no_run(tmp_path):
  with pytest.raises(UserError, match='nowhere is no workdir'):
    cached(Run(Workdir(tmp_path / 'nowhere')), _missing)
  assert not (tmp_path / 'nowhere').exists()


@pytest.mark.parametrize(
  'changes, match',
  [
    (
      {'test_codes': lambda x: x.astype(np.float32)},
      'codes float32 .* are none',
    ),
    ({'test_codes': lambda x: x + 16}, 'a code is larger than its codebook'),
    ({'test_codes': lambda x: x[0]}, r'codes uint8 \(4, 4, 1\) are none'),
    ({'test_codes': lambda x: x[:, :3]}, r'codes uint8 .* are none'),
    (
      {f'{split}_codes': lambda x: x[:, :3] for split in datasets.SPLITS},
      r'codes uint8 \(1439, 3, 4, 1\) are none',
    ),
    (
      {'train_codes': lambda x: x[:0], 'train_labels': lambda x: x[:0]},
      r'codes uint8 \(0, 4, 4, 1\) are none',
    ),
    ({'train_labels': lambda x: x + 10}, 'a label is no class'),
    ({'train_labels': lambda x: x[1:]}, 'labels int32 .* are none'),
    ({'train_labels': lambda x: x * 0.5}, 'labels float64 .* are none'),
    ({'codebook_sizes': lambda x: x[0]}, 'codebook_sizes are not those of'),
    ({'codebook_sizes': lambda x: x + 1}, 'codebook_sizes are not those of'),
    ({'codebook_sizes': lambda x: x * 10**11}, 'codebook_sizes are not those'),
    ({'codebook_sizes': lambda x: x * 0.5}, 'codebook_sizes are not those of'),
    ({'codebook_sizes': lambda x: np.repeat(x, 2)}, 'sizes are not those of'),
  ],
)
def test_an_archive_of_something_else_is_told(
  trained, digits, tmp_path, changes, match
):
  run = Run(Workdir(shutil.copytree(trained.path, tmp_path / 'run')))
  cached(run, digits.get)
  path = run.workdir.path / 'codes.npz'
  arrays = files.read_arrays(path)
  arrays |= {name: change(arrays[name]) for name, change in changes.items()}
  files.write_arrays(path, arrays)
  with pytest.raises(UserError, match=f'codes.npz is damaged .*{match}'):
    cached(run, digits.get)
