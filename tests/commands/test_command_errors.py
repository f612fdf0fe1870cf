"""What a user can do wrong: one line on stderr, status 1, no traceback."""

import re
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vqvae_tf import files
from vqvae_tf.runs.workdir import Workdir

_ROOT = Path(__file__).resolve().parents[2]


def _write_mnist(folder, magic=2051, missing=0):
  images = struct.pack('>4I', magic, 20, 28, 28) + bytes(20 * 784 - missing)
  folder.mkdir()
  (folder / 'train-images-idx3-ubyte').write_bytes(images)
  (folder / 'train-labels-idx1-ubyte').write_bytes(
    struct.pack('>2I', 2049, 20) + bytes(20)
  )
  return f'--data_dir={folder}'


def _write_images(folder):
  (folder / 'cats').mkdir(parents=True)
  for i in range(10):
    path = folder / 'cats' / f'{i}.png'
    Image.fromarray(np.full((9, 9, 3), 20 * i, np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:30])
  return f'--data_dir={folder}'


def _copy(workdir, path):
  return Workdir(shutil.copytree(workdir.path, path))


def _data_cases(root, tiny_flags):
  """Name: executable, flags, message."""
  (root / 'empty').mkdir()
  (root / 'cifar10').mkdir()
  for i in range(1, 6):
    (root / 'cifar10' / f'data_batch_{i}.bin').write_bytes(b'\0' * 3073)
  folder = _write_images(root / 'folder')
  image_folder = [*tiny_flags, '--dataset=image_folder', folder]
  return {
    'no data, no network': (
      'mnist',
      [f'--data_dir={root}/empty'],
      f'no data for mnist: looked in {root}/empty for '
      r'train-images-idx3-ubyte\[.gz\], .*--dataset=digits',
    ),
    'truncated file': (
      'mnist',
      [_write_mnist(root / 'truncated', missing=1)],
      'truncated/train-images-idx3-ubyte is truncated: 15695 bytes, '
      'expected 15696',
    ),
    'wrong magic': (
      'mnist',
      [_write_mnist(root / 'magic', magic=2049)],
      'magic/train-images-idx3-ubyte is no such IDX file',
    ),
    'wrong size': (
      'cifar10',
      [f'--data_dir={root}/cifar10'],
      'data_batch_1.bin has 3073 bytes, expected 30730000',
    ),
    'damaged image': (
      'train',
      [*image_folder, '--image_size=8'],
      r'cannot read the image .*folder/cats/\d.png: ',
    ),
    'no image size': ('train', image_folder, r'\(--image_size\)'),
  }


def _workdir_cases(root, tiny_flags, trained, with_prior, exported):
  train = [*tiny_flags, '--dataset=digits']
  missing = _copy(trained, root / 'missing')
  (missing.path / 'checkpoints' / '00000004' / 'weights.index').unlink()
  damaged = _copy(trained, root / 'damaged')
  weights = next(damaged.path.rglob('weights.data*'))
  weights.write_bytes(weights.read_bytes()[:1000])
  spoiled = _copy(trained, root / 'spoiled')
  (spoiled.path / 'codes.npz').write_bytes(b'PK no archive')
  foreign = _copy(with_prior, root / 'foreign')
  config = foreign.path / 'prior' / 'config.json'
  files.write_json(config, files.read_json(config) | {'fingerprint': '0'})
  other = _copy(trained, root / 'other')
  parts = {'train': {'count': 1438, 'digest': '0123abcd' * 4}}
  files.write_json(other.path / 'data.json', {'parts': parts})
  bare = Workdir(root / 'bare')
  bare.save_config(trained.load_config())
  (root / 'dangling').symlink_to(root / 'nothing')
  return {
    'locked': (
      'train',
      [*train, f'--workdir={root}/locked'],
      f'another run trains in {root}/locked: wait for it',
    ),
    'other settings': (
      'train',
      [*train, '--embedding_dim=8', f'--workdir={trained}'],
      'was trained with --embedding_dim=4, not 8: leave that flag',
    ),
    'a file as a workdir': (
      'train',
      [*train, f'--workdir={bare}/config.json'],
      'config.json is no folder, or a link to nothing: name another --workdir',
    ),
    'a link to nothing': (
      'train',
      [*train, f'--workdir={root}/dangling'],
      'dangling is no folder, or a link to nothing: name another --workdir',
    ),
    'control characters': (
      'evaluate',
      [f'--workdir={root}/\x1b[31mred'],
      r'/\\x1b\[31mred is no workdir: ',
    ),
    'out of memory': (
      'train',
      [
        *train,
        '--num_embeddings=16777216',
        '--embedding_dim=65536',
        f'--workdir={root}/huge',
      ],
      'out of memory: try smaller settings .*--num_embeddings=16777216',
    ),
    'impossible settings': (
      'train',
      [*train, '--num_halvings=5', f'--workdir={root}/halvings'],
      '8x8 cannot be halved 5 times',
    ),
    'loss not finite': (
      'train',
      [
        *train,
        '--learning_rate=1e30',
        '--evaluate_every=9',
        f'--workdir={root}/diverged',
      ],
      'the loss is not finite at step 2: use a lower --learning_rate',
    ),
    'missing checkpoint': (
      'evaluate',
      [f'--workdir={missing}'],
      'checkpoints/00000004 is missing, damaged or of another model',
    ),
    'damaged checkpoint': (
      'evaluate',
      [f'--workdir={damaged}'],
      'checkpoints/00000004 is missing, damaged or of another model',
    ),
    'other data': (
      'evaluate',
      [f'--workdir={other}'],
      r'the data of .*/other had 1438 examples \(train, digest 0123abcd\), '
      r'digits now has 1439 \(.*--allow_other_data',
    ),
    'no workdir': (
      'evaluate',
      [f'--workdir={root}/nowhere'],
      'nowhere is no workdir: it has no config.json; train one with',
    ),
    'no checkpoint': (
      'export',
      [f'--workdir={bare}'],
      'bare has no checkpoint yet: train',
    ),
    'no workdir for a prior': (
      'prior',
      [f'--workdir={root}/nowhere'],
      'nowhere is no workdir: it has no config.json; train one with',
    ),
    'no checkpoint for a prior': (
      'prior',
      [f'--workdir={bare}'],
      'bare has no checkpoint yet: train',
    ),
    'damaged codes': (
      'prior',
      [f'--workdir={spoiled}'],
      r'spoiled/codes.npz is damaged \(.*\): remove it, and the codes',
    ),
    'no prior': (
      'sample',
      [f'--workdir={trained}'],
      'step 4 has no prior to draw from: train one with bin/prior',
    ),
    'another prior': (
      'sample',
      [f'--workdir={foreign}'],
      'foreign/prior is the prior of an earlier model: train one for this',
    ),
    'no export': (
      'evaluate',
      [f'--model={root}/nowhere'],
      'nowhere is no export of vqvae_tf: ',
    ),
    'results have no place': (
      'evaluate',
      [f'--model={exported}', f'--output={root}'],
      'is a folder: name a JSON file by --output',
    ),
    'export exists': (
      'export',
      [f'--workdir={trained}', f'--output={exported}'],
      'model exists already: give --overwrite to replace it',
    ),
  }


def _export_cases(root, trained, exported):
  """Flags of bin/export that do not go together."""
  return {
    'two models to export': (
      'export',
      [f'--workdir={trained}', f'--model={exported}', '--format=onnx'],
      'give either --workdir=RUN or --model=EXPORT',
    ),
    'an export onto itself': (
      'export',
      [f'--model={exported}', f'--output={exported}'],
      'model exists already: give --overwrite to replace it',
    ),
    'an export to nowhere': (
      'export',
      [f'--model={exported}', '--format=tflite'],
      'give --output=FOLDER, where the export is to be',
    ),
    'no such format': (
      'export',
      [f'--workdir={trained}', '--format=pickle'],
      'flag --format=pickle: value should be one of',
    ),
  }


@pytest.fixture(scope='module')
def cases(tiny_flags, trained, with_prior, exported, tmp_path_factory):
  root = tmp_path_factory.mktemp('errors')
  cases = _data_cases(root, tiny_flags)
  for name, flags, _ in cases.values():
    flags.append(f'--workdir={root}/{name}')
  cases |= _workdir_cases(root, tiny_flags, trained, with_prior, exported)
  cases |= _export_cases(root, trained, exported)
  with Workdir(root / 'locked').locked():
    yield cases


@pytest.fixture(scope='module')
def outcomes(cases, run_all):
  """Status, stdout and stderr of each case, run as a process of its own."""
  commands = [
    [str(_ROOT / 'bin' / name), *flags] for name, flags, _ in cases.values()
  ]
  return dict(zip(cases, run_all(commands, jobs=2), strict=True))


@pytest.mark.parametrize(
  'case',
  [
    'no data, no network',
    'truncated file',
    'wrong magic',
    'wrong size',
    'damaged image',
    'no image size',
    'locked',
    'other settings',
    'a file as a workdir',
    'a link to nothing',
    'control characters',
    'out of memory',
    'impossible settings',
    'loss not finite',
    'other data',
    'missing checkpoint',
    'damaged checkpoint',
    'no workdir',
    'no checkpoint',
    'no workdir for a prior',
    'no checkpoint for a prior',
    'damaged codes',
    'no prior',
    'another prior',
    'no export',
    'results have no place',
    'export exists',
    'two models to export',
    'an export onto itself',
    'an export to nowhere',
    'no such format',
  ],
)
def test_an_error_is_one_line(cases, outcomes, case):
  status, out, err = outcomes[case]
  assert re.fullmatch('error: .*\n', err), err
  assert re.search(cases[case][2], err)
  assert status == 1
  # What trains says first what it trains.
  assert re.fullmatch('(parameters: .*\n)?', out)


def test_every_case_is_looked_at(cases):
  [mark] = test_an_error_is_one_line.pytestmark
  assert set(mark.args[1]) == set(cases)
