"""Each kind of file that is written, damaged: nothing is wrong without a word.

`make fuzz` damages more of them, and writes the table of the guide.
"""

import csv
import hashlib
import os
import shutil
from collections import Counter

import damage
import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.metrics.measure import Metrics
from vqvae_tf.priors.codes import cached
from vqvae_tf.runs import data, history, results, snapshots
from vqvae_tf.runs.run import Run
from vqvae_tf.runs.standing import known_standing
from vqvae_tf.runs.workdir import PriorWorkdir, Workdir
from vqvae_tf.serving import Codec, load

# How many thousandths of a second each kind is given.
_COST = int(os.environ.get('FAULTS', 250))
_TABLE = os.environ.get('FAULTS_TABLE')
_KINDS = (
  'config.json',
  'state.json',
  'data.json',
  'checkpoint, index',
  'checkpoint, data',
  'metrics.jsonl',
  'metrics.json',
  'validation.json',
  'codes.npz',
  'snapshot',
  'export, manifest.json',
  'export, metadata.json',
  'export, saved_model.pb',
  'export, fingerprint.pb',
  'export, variables',
  'compressed images',
)


def digest(arrays):
  total = hashlib.sha256()
  for array in arrays:
    total.update(np.ascontiguousarray(array).tobytes())
  return total.hexdigest()


@pytest.fixture(scope='module')
def workdir(with_prior, digits, tmp_path_factory):
  """A run with all that a run can have."""
  folder = tmp_path_factory.mktemp('faults') / 'run'
  workdir = Workdir(shutil.copytree(with_prior.path, folder))
  cached(Run(workdir), digits.get)
  result = Metrics(**dict.fromkeys(Metrics._fields, 1.0) | {'num_sampled': 0})
  results.write(workdir.path / 'metrics.json', 'test', result)
  return workdir


@pytest.fixture(scope='module')
def export(exported_with_prior, tmp_path_factory):
  folder = tmp_path_factory.mktemp('faults') / 'export'
  return shutil.copytree(exported_with_prior, folder)


@pytest.fixture(scope='module')
def compressed(exported_with_prior, digits, tmp_path_factory):
  """A file of images, and what reads it."""
  codec = Codec(exported_with_prior)
  images, labels = digits['test'].fetch(tf.range(4))
  path = tmp_path_factory.mktemp('faults') / 'images.vqz'
  # Lanes beside each other are read fastest.
  path.write_bytes(codec.compress(images.numpy(), labels.numpy(), True))
  return path, lambda: digest([codec.decompress(path.read_bytes())])


@pytest.fixture(scope='module')
def kinds(workdir, export, digits, compressed):
  """All kinds by name, with an example of each."""
  run = Run(workdir)
  codes = run.fingerprint and cached(run, None)
  model, step = run.model, run.step
  checkpoint = tf.train.Checkpoint(trainer=tf.train.Checkpoint(model=model))

  def restored():
    workdir.restore(checkpoint, step)
    return digest(variable.numpy() for variable in model.variables)

  def read_codes():
    splits = cached(run, None).splits.values()
    return [digest([split.codes, split.labels]) for split in splits]

  def read_snapshots():
    return [digest(found[1:]) for found in snapshots.read(workdir)]

  def checked_data():
    for split in ('train', 'validation'):
      data.check(workdir, digits[split])

  def metadata():
    return load.read_metadata(export)

  path, Kind = workdir.path, damage.Kind
  assert codes.codebook_sizes == (16,)
  weights = path / 'checkpoints' / f'{step:08d}'
  log = workdir.metrics_path
  return {
    'config.json': Kind(path / 'config.json', workdir.load_config, 0.6),
    'state.json': Kind(weights / 'state.json', workdir.last_state, 0.3),
    'data.json': Kind(path / 'data.json', checked_data, 0.3),
    'checkpoint, index': Kind(weights / 'weights.index', restored, 40),
    'checkpoint, data': Kind(
      weights / 'weights.data-00000-of-00001', restored, 40
    ),
    # A log that ends early is that of a run that was killed.
    'metrics.jsonl': Kind(
      log,
      lambda: history.read(log),
      0.5,
      lambda found, whole: found == whole[: len(found)],
    ),
    'metrics.json': Kind(
      path / 'metrics.json', lambda: results.read(path / 'metrics.json'), 0.3
    ),
    'validation.json': Kind(
      path / 'prior' / 'validation.json',
      lambda: known_standing(PriorWorkdir(workdir)),
      0.5,
    ),
    'codes.npz': Kind(path / 'codes.npz', read_codes, 10),
    'snapshot': Kind(path / 'snapshots' / '00000004.npz', read_snapshots, 5),
    **{
      f'export, {name}': Kind(export / place, metadata, 5)
      for name, place in {
        'manifest.json': 'assets.extra/manifest.json',
        'metadata.json': 'assets/metadata.json',
        'saved_model.pb': 'saved_model.pb',
        'fingerprint.pb': 'fingerprint.pb',
        'variables': 'variables/variables.data-00000-of-00001',
      }.items()
    },
    'compressed images': Kind(*compressed, 20),
  }


@pytest.fixture(scope='module')
def table():
  """What came of each kind; `make fuzz` keeps it."""
  found = {}
  yield found
  if _TABLE:
    with open(_TABLE, 'w', newline='') as file:
      writer = csv.writer(file, lineterminator='\n')
      writer.writerow(['file', *damage.OUTCOMES])
      for name, outcomes in found.items():
        writer.writerow([name, *(outcomes[o] for o in damage.OUTCOMES)])


def test_no_kind_is_forgotten(kinds):
  assert tuple(kinds) == _KINDS


@pytest.mark.parametrize('name', _KINDS)
def test_damage_is_told(kinds, table, name):
  kind = kinds[name]
  count = max(4, round(_COST / kind.cost))
  outcomes = damage.tried(kind, count, seed=_KINDS.index(name))
  table[name] = outcomes
  assert set(outcomes) <= {'tried', 'refused', 'unharmed'}, outcomes
  assert outcomes['refused'] > 0


def test_what_would_be_wrong_without_a_word_is_found(tmp_path):
  path = tmp_path / 'file'
  path.write_bytes(bytes(64))
  found = damage.tried(damage.Kind(path, path.read_bytes), 50, seed=0)
  assert found == Counter(tried=50, silent=50)


def test_what_would_be_a_traceback_is_found(tmp_path):
  path = tmp_path / 'file'
  path.write_bytes(b'7' * 64)
  found = damage.tried(
    damage.Kind(path, lambda: bool(int(path.read_bytes() or b'7'))), 50, seed=0
  )
  assert found['traceback'] > 10
