"""The commands and the code of the README run as written, with few steps."""

import pathlib
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
README = (ROOT / 'README.md').read_text()
SHORT = {
  'bin/mnist': '--steps=2 --evaluate_every=2 --num_hiddens=8'.split(),
  'bin/cifar10': (
    '--steps=2 --evaluate_every=2 --num_hiddens=8 --causal_hiddens=8 '
    '--causal_layers=1 --num_mixtures=1'
  ).split(),
  'bin/visualize': '--only=codes,curves,animation'.split(),
}
# They need PyTorch, or take minutes to hours; `codebook_usage.py` alone without
# data takes seconds.
LONG = {
  'benchmarks/bottlenecks.py',
  'benchmarks/codebook_usage.py',
  'benchmarks/generation.py',
  'benchmarks/quantizer.py',
  'benchmarks/train_step.py',
}


def _blocks(language):
  return re.findall(rf'```{language}\n(.*?)```', README, re.DOTALL)


def _commands():
  lines = '\n'.join(_blocks('sh')).replace('\\\n', ' ').splitlines()
  return [line.split('#')[0].split() for line in lines if line.strip()]


def _write_idx(path, array):
  dims = b''.join(n.to_bytes(4, 'big') for n in array.shape)
  magic = (2048 + array.ndim).to_bytes(4, 'big')
  path.write_bytes(magic + dims + array.tobytes())


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """A folder like the repository's, with synthetic data in data/."""
  folder = tmp_path_factory.mktemp('readme')
  for name in ('bin', 'assets', 'benchmarks'):
    (folder / name).symlink_to(ROOT / name)
  generator = np.random.default_rng(0)
  mnist, cifar = folder / 'data/mnist', folder / 'data/cifar10'
  mnist.mkdir(parents=True)
  cifar.mkdir()
  for part, count in (('train', 60), ('t10k', 20)):
    images = generator.integers(0, 256, [count, 28, 28], np.uint8)
    labels = generator.integers(0, 10, [count], np.uint8)
    _write_idx(mnist / f'{part}-images-idx3-ubyte', images)
    _write_idx(mnist / f'{part}-labels-idx1-ubyte', labels)
  records = generator.integers(0, 256, [100, 3073], np.uint8)
  records[:, 0] %= 10
  for name in [f'data_batch_{i}' for i in range(1, 6)] + ['test_batch']:
    (cifar / f'{name}.bin').write_bytes(records.tobytes())
  return folder


def _run(arguments, folder, environment):
  result = subprocess.run(
    arguments,
    cwd=folder,
    env=environment,
    capture_output=True,
    text=True,
    timeout=300,
  )
  assert result.returncode == 0, shlex.join(arguments) + result.stderr
  return result.stdout


def test_commands(folder, run_all, environment):
  """One after the other, as each uses what the one before made."""
  environment = {**environment, 'CIFAR_RECORDS': '100'}
  commands = []
  for program, *flags in _commands():
    # `make` sets up environments.
    if program == 'make' or LONG & set(flags):
      continue
    script = [] if program == 'python' else [program]
    commands.append([*script, *flags, *SHORT.get(program, [])])
  for command, (status, _, error) in zip(
    commands, run_all(commands, 1, cwd=folder, env=environment), strict=True
  ):
    assert status == 0, shlex.join(command) + error
  programs = {command[0] for command in commands}
  assert {'bin/mnist', 'bin/cifar10', 'bin/evaluate', 'bin/export'} < programs


def test_long_benchmarks_start(folder, environment):
  for script in LONG:
    assert (ROOT / script).exists()
  out = _run(
    [sys.executable, 'benchmarks/codebook_usage.py'], folder, environment
  )
  shares = [float(share) for share in re.findall(r'([\d.]+) %', out)]
  # Sonnet, as Sonnet, and with the policy.
  assert len(shares) == 3 and max(shares[:2]) < 10 and shares[2] > 99


def test_make_targets():
  targets = [c[1] for c in _commands() if c[0] == 'make']
  makefile = (ROOT / 'Makefile').read_text()
  assert {'demo', 'test'} <= set(targets)
  for target in targets:
    assert re.search(rf'^{target}:', makefile, re.MULTILINE), target


def test_demo(folder, environment):
  out = _run(
    [sys.executable, 'bin/demo', '--workdir=runs/demo', '--steps=4'],
    folder,
    environment,
  )
  assert 'bits/dim' in out
  for name in re.findall(r'^(?:model|metrics|drawn:) +(\S+)', out, re.M):
    assert (folder / name).exists(), name


@pytest.mark.parametrize('code', _blocks('python'))
def test_code(code, folder, environment):
  _run([sys.executable, '-c', code], folder, environment)
