"""bin/evaluate, export, prior and visualize on a trained model."""

import concurrent.futures
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import checkpoints, evaluation


@pytest.fixture(scope='module')
def done(command, trained, exported, tmp_path_factory):
  """Each command once, two at a time; their workdir is in 'run'."""
  root = tmp_path_factory.mktemp('commands')
  run = shutil.copytree(trained.path, root / 'run')
  calls = {
    'evaluate_run': (
      'evaluate',
      f'--workdir={run}',
      '--splits=validation',
      '--noformats',
    ),
    'evaluate_export': (
      'evaluate',
      f'--model={exported}',
      f'--output={root}/export.json',
    ),
    'export': ('export', f'--workdir={run}', f'--output={root}/model'),
    'visualize': (
      'visualize',
      f'--workdir={run}',
      '--only=codes,walk,curves,animation',
      '--frames=3',
    ),
    'prior': (
      'prior',
      f'--workdir={run}',
      '--steps=2',
      '--num_hiddens=8',
      '--num_layers=1',
      '--optimizer=adam',
      '--noconditional',
    ),
  }
  with concurrent.futures.ThreadPoolExecutor(2) as pool:
    futures = {k: pool.submit(command, *call) for k, call in calls.items()}
  return {'root': root} | {k: v.result() for k, v in futures.items()}


def _output(done, name):
  assert done[name].returncode == 0, done[name].stderr
  assert done[name].stderr == ''
  return done[name].stdout


def test_evaluate(done, trained):
  text = _output(done, 'evaluate_run')
  path = done['root'] / 'run' / 'metrics.json'
  assert f'written: {path}' in text
  assert 'digits validation, ' in text and ', step 4' in text
  [(split, values)] = json.loads(path.read_text()).items()
  assert split == 'validation'
  assert evaluation.table(evaluation.metrics.Metrics(**values)) in text
  # What training measured at the same step, in other batches.
  last = json.loads(trained.metrics_path.read_text().splitlines()[-1])
  assert values['bits_per_dim'] == pytest.approx(last['bits_per_dim'], rel=1e-4)


def test_evaluate_an_export(done, exported):
  """By default the test and the training split, beside files."""
  text = _output(done, 'evaluate_export')
  known = json.loads((done['root'] / 'export.json').read_text())
  # What is trained on: the validation split's 179 images are left out.
  sizes = {split: v['num_examples'] for split, v in known.items()}
  assert sizes == {'test': 179, 'train': 1439}
  for split, values in known.items():
    files = values.pop('files')
    result = evaluation.metrics.Metrics(**values)
    table = evaluation.table(result, files)
    assert f'digits {split}, {exported}\n{table}\n' in text
    assert set(files) == {'png', 'webp', 'bz2'}
    assert 0 < values['bits_per_dim_error'] < values['bits_per_dim']


def test_export(done):
  target = done['root'] / 'model'
  assert _output(done, 'export') == f'exported: {target}\n'
  assert set(tf.saved_model.load(str(target)).signatures) == {
    'encode',
    'decode',
    'reconstruct',
    'embed',
    'nll',
    'pixel_bits',
  }


def test_prior(done, digits):
  text = _output(done, 'prior')
  run = done['root'] / 'run'
  workdir = checkpoints.PriorWorkdir(checkpoints.Workdir(run))
  assert workdir.last_state().step == 2
  assert workdir.load_config().class_names == tuple('0123456789')
  with np.load(run / 'codes.npz') as arrays:
    for split, source in digits.items():
      assert arrays[f'{split}_codes'].shape == (source.num_examples, 4, 4, 1)
  assert 'step 2: validation ' in text
  rows = [line.split() for line in text.splitlines()]
  # log2 16 bits; 16 codes of an image of 64 pixels.
  assert ['uniform', 'prior', '4.0000', '1.0000'] in rows
  assert 'unigram, from the training codes' in text
  assert 'this prior, p(z)' in text and 'p(z | y)' not in text
  assert text.endswith(f'next: bin/evaluate --workdir={run}\n')


def test_visualize(done):
  folder = done['root'] / 'run' / 'pictures'
  # Where ffmpeg is, there are films of another kind beside these.
  drawn = [
    line
    for line in _output(done, 'visualize').splitlines()
    if not line.endswith('.mp4')
  ]
  names = ['codes.png', 'walk.gif', 'walk.png', 'curves.png', 'animation.gif']
  assert drawn == [f'drawn: {folder / name}' for name in names]
  assert all((folder / name).stat().st_size for name in names)
