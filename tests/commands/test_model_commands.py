"""bin/evaluate, export, prior, sample and visualize on a trained model."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from vqvae_tf.metrics.table import table
from vqvae_tf.runs import results
from vqvae_tf.runs.run import Run
from vqvae_tf.runs.workdir import PriorWorkdir, Workdir

_BIN = Path(__file__).resolve().parents[2] / 'bin'


@pytest.fixture(scope='module')
def done(run_all, trained, exported, with_prior, tmp_path_factory):
  """Status, stdout and stderr of each; their workdir is 'run' in 'root'."""
  root = tmp_path_factory.mktemp('commands')
  run = shutil.copytree(trained.path, root / 'run')
  # With a prior, evaluation and export of 'run' would say more.
  learned = shutil.copytree(trained.path, root / 'learned')
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
    'evaluate_files': (
      'evaluate',
      f'--workdir={run}',
      '--splits=validation',
      '--noformats',
      '--files',
      f'--output={root}/files.json',
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
      f'--workdir={learned}',
      '--steps=2',
      '--num_hiddens=8',
      '--num_layers=1',
      '--optimizer=adam',
      '--noconditional',
    ),
    'sample': (
      'sample',
      f'--workdir={with_prior}',
      f'--output={root}/samples',
      '--num=12',
      '--index=3',
      '--keep=left',
    ),
  }
  commands = [[str(_BIN / name), *flags] for name, *flags in calls.values()]
  done = run_all(commands, jobs=2)
  return {'root': root} | dict(zip(calls, done, strict=True))


def _output(done, name):
  status, out, err = done[name]
  assert status == 0, err
  assert err == ''
  return out


def test_evaluate(done, trained):
  text = _output(done, 'evaluate_run')
  path = done['root'] / 'run' / 'metrics.json'
  assert f'written: {path}' in text
  assert 'digits validation, ' in text and ', step 4' in text
  [(split, values)] = results.read(path).items()
  assert split == 'validation'
  assert table(*results.parsed(values)) in text
  assert values['checkpoints'] == Run(trained).fingerprints
  # What training measured at the same step, in other batches.
  last = json.loads(trained.metrics_path.read_text().splitlines()[-1])
  assert values['bits_per_dim'] == pytest.approx(last['bits_per_dim'], rel=1e-4)


def test_evaluate_the_files_of_a_run(done):
  text = _output(done, 'evaluate_files')
  known = results.read(done['root'] / 'files.json')['validation']
  size = known['files']['vqz']
  assert known['bits_per_dim'] < size < 1.02 * known['bits_per_dim']
  assert f'of this model, all in one file{size:12.4f}' in text
  more = 100 * (size / known['bits_per_dim'] - 1)
  assert f'all images read back: {more:+.3f} %' in text


def test_evaluate_an_export(done, exported):
  """By default the test and the training split, beside files."""
  text = _output(done, 'evaluate_export')
  known = results.read(done['root'] / 'export.json')
  # What is trained on: the validation split's 179 images are left out.
  sizes = {split: v['num_examples'] for split, v in known.items()}
  assert sizes == {'test': 179, 'train': 1439}
  for split, values in known.items():
    result, files = results.parsed(values)
    lines = table(result, files)
    assert f'digits {split}, {exported}\n{lines}\nmeasured in ' in text
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
    'assess',
    'serving_default',
  }


def test_prior(done, digits):
  text = _output(done, 'prior')
  run = done['root'] / 'learned'
  workdir = PriorWorkdir(Workdir(run))
  assert workdir.last_state().step == 2
  assert workdir.load_config().class_names == tuple('0123456789')
  with np.load(run / 'codes.npz') as arrays:
    for split, source in digits.items():
      assert arrays[f'{split}_codes'].shape == (source.num_examples, 4, 4, 1)
  assert 'parameters: network ' in text
  assert 'step 2: validation ' in text
  rows = [line.split() for line in text.splitlines()]
  # log2 16 bits; 16 codes of an image of 64 pixels.
  assert ['uniform', 'prior', '4.0000', '1.0000'] in rows
  assert 'unigram, from the training codes' in text
  assert 'this prior, p(z)' in text and 'p(z|y)' not in text
  assert text.endswith(f'next: bin/evaluate --workdir={run}\n')


def test_sample(done, with_prior, digits):
  """Test image 3, its left half completed for each class in turn."""
  folder = done['root'] / 'samples'
  names = ('grid.png', 'images', 'codes.npz')
  assert _output(done, 'sample').splitlines() == [
    f'written: {folder / name}' for name in names
  ]
  with np.load(folder / 'codes.npz') as arrays:
    codes, labels = arrays['codes'], arrays['labels']
  assert labels.tolist() == [0, 0, 1, 1, *range(2, 10)]
  model = Run(with_prior).model
  image, _ = digits['test'].fetch([3])
  kept = model.encode(image)[:, :, :2]
  np.testing.assert_array_equal(
    codes[:, :, :2], np.broadcast_to(kept, [12, 4, 2, 1])
  )
  decoded = model.decode(codes).numpy()
  for i in range(12):
    with Image.open(folder / 'images' / f'{i:04d}.png') as written:
      np.testing.assert_array_equal(written, decoded[i, ..., 0])


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
