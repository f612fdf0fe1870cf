"""The executables that train; signals; a full disk."""

import json
import shutil
import signal
import struct
import time
from pathlib import Path

import numpy as np
import pytest

from vqvae_tf.runs.workdir import Workdir

_CIFAR_RECORDS = 20
_BIN = Path(__file__).resolve().parents[2] / 'bin'


@pytest.fixture(scope='module')
def mnist_folder(tmp_path_factory):
  """40 training images in the original files."""
  folder = tmp_path_factory.mktemp('mnist')
  images = np.random.default_rng(0).integers(0, 256, (40, 28, 28), np.uint8)
  (folder / 'train-images-idx3-ubyte').write_bytes(
    struct.pack('>4I', 2051, *images.shape) + images.tobytes()
  )
  (folder / 'train-labels-idx1-ubyte').write_bytes(
    struct.pack('>2I', 2049, 40) + bytes(40)
  )
  return folder


@pytest.fixture(scope='module')
def cifar10_folder(tmp_path_factory):
  """Black images of aeroplanes."""
  folder = tmp_path_factory.mktemp('cifar10')
  for i in range(1, 6):
    with open(folder / f'data_batch_{i}.bin', 'wb') as file:
      file.truncate(_CIFAR_RECORDS * 3073)
  return folder


@pytest.fixture(scope='module')
def finished(
  run_all,
  environment,
  tiny_flags,
  mnist_folder,
  cifar10_folder,
  tmp_path_factory,
):
  """Each executable once: its status, stdout and stderr, and its workdir."""
  root = tmp_path_factory.mktemp('finished')
  runs = {
    'mnist': [
      *tiny_flags,
      # The preset's softmax has no use for the number of mixtures.
      '--likelihood=logistic_mixture',
      f'--data_dir={mnist_folder}',
      '--flip=True',
      '--noflip',
    ],
    'cifar10': [
      *tiny_flags,
      f'--data_dir={cifar10_folder}',
      '--steps=1',
    ],
    'train': [*tiny_flags, '--dataset=digits', '--noflip', '--flip=True'],
    'demo': ['--steps=2'],
  }
  outcomes = run_all(
    [
      [str(_BIN / name), f'--workdir={root / name}', *flags]
      for name, flags in runs.items()
    ],
    jobs=2,
    env={**environment, 'CIFAR_RECORDS': str(_CIFAR_RECORDS)},
  )
  return {
    name: (*outcome, Workdir(root / name))
    for name, outcome in zip(runs, outcomes, strict=True)
  }


@pytest.mark.parametrize(
  'name, dataset, shape, steps',
  [
    ('train', 'digits', (8, 8, 1), 4),
    ('mnist', 'mnist', (28, 28, 1), 4),
    ('cifar10', 'cifar10', (32, 32, 3), 1),
    ('demo', 'digits', (8, 8, 1), 2),
  ],
)
def test_training(finished, name, dataset, shape, steps):
  status, out, err, workdir = finished[name]
  assert status == 0, err
  # Synthetic images are not those that were published.
  assert all(line.startswith('note: ') for line in err.splitlines()), err
  assert f'step {steps}: validation ' in out
  # Before anything is trained.
  assert out.startswith('parameters: encoder '), out
  assert f'{steps} steps in ' in out
  assert f'next: bin/evaluate --workdir={workdir}' in out
  assert workdir.last_state().step == steps
  config = workdir.load_config()
  assert config.data.dataset == dataset
  assert config.example_shape == shape


@pytest.mark.parametrize('name, flip', [('train', True), ('mnist', False)])
def test_the_last_word_of_a_switch_counts(finished, name, flip):
  *_, workdir = finished[name]
  assert workdir.load_config().data.flip is flip


def test_demo_goes_the_whole_road(finished):
  _, out, _, workdir = finished['demo']
  assert 'digits, test split' in out
  for label in (
    'bits/dim',
    'pixels, -log2 p(x|z)',
    'codes, uniform p(z)',
    'PSNR',
    'codes in use',
  ):
    assert label in out
  results = json.loads((workdir.path / 'metrics.json').read_text())
  assert f'{results["test"]["bits_per_dim"]:.4f}' in out
  shown = [
    line.split()[-1]
    for line in out.splitlines()
    if line.startswith(('model ', 'metrics ', 'drawn: '))
    and not line.endswith('.mp4')
  ]
  assert shown == [
    str(workdir.path / name)
    for name in (
      'export',
      'metrics.json',
      'pictures/reconstructions.png',
      'pictures/codes.png',
      'pictures/usage.png',
      'pictures/curves.png',
      'pictures/animation.gif',
    )
  ]
  for path in shown:
    assert (workdir.path / path).exists()


def test_demo_ends_with_a_file(finished):
  _, out, _, workdir = finished['demo']
  size = (workdir.path / 'digits.vqz').stat().st_size
  assert f'all 179 test images in {size} bytes, read again and equal' in out
  assert f'{8 * size / 179 / 64:.4f} bits/dim, where the' in out


def test_signals_save_and_the_same_command_goes_on(
  launch, tiny_flags, tmp_path
):
  workdir = Workdir(tmp_path / 'run')
  flags = [
    *tiny_flags,
    '--dataset=digits',
    '--steps=1000000',
    '--evaluate_every=1000000',
    f'--workdir={workdir}',
  ]
  steps = [0]
  for number in (signal.SIGTERM, signal.SIGINT):
    process = launch('train', *flags)
    _wait_for_entry_after(steps[-1], workdir.metrics_path)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == ''
    state = workdir.last_state()
    assert f'stopped at step {state.step}: the same command goes on' in out
    assert workdir.steps() == [state.step]
    steps.append(state.step)
  assert 0 < steps[1] < steps[2] < 1_000_000


def _wait_for_entry_after(step, path):
  deadline = time.monotonic() + 60
  while time.monotonic() < deadline:
    lines = path.read_text().splitlines() if path.exists() else []
    # The last line may be half written.
    if len(lines) > 1 and json.loads(lines[-2])['step'] > step:
      return
    time.sleep(0.1)
  pytest.fail('the run takes no steps')


def test_a_full_disk_leaves_the_checkpoint_before(
  command, trained, tiny_flags, tmp_path
):
  workdir = Workdir(shutil.copytree(trained.path, tmp_path / 'run'))
  weights = workdir.path / 'checkpoints' / '00000004'
  before = {path.name: path.read_bytes() for path in weights.iterdir()}
  done = command(
    'train',
    *tiny_flags,
    '--dataset=digits',
    '--steps=6',
    f'--workdir={workdir}',
    # No file may exceed 40 blocks of 512 bytes: the weights do.
    before=['sh', '-c', 'ulimit -f 40; exec "$@"', 'sh'],
  )
  assert done.returncode == 1
  assert done.stderr.startswith(
    f'error: cannot write {weights.parent}/00000006'
  )
  assert done.stderr.count('\n') == 1
  assert [path.name for path in weights.parent.iterdir()] == ['00000004']
  assert before == {path.name: path.read_bytes() for path in weights.iterdir()}
