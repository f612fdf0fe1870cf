"""The commands and the code of the README run as written, with few steps.

`make demo` is run by tests/commands/test_training_commands.py.
"""

import pathlib
import re
import shlex

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
README = (ROOT / 'README.md').read_text()
CIFAR_RECORDS = 20
SMALL = (
  '--steps=2 --evaluate_every=2 --batch_size=8 --num_hiddens=8 '
  '--num_residual_layers=1 --num_residual_hiddens=4'
).split()
SHORT = {
  'bin/mnist': SMALL,
  'bin/cifar10': [*SMALL, '--num_mixtures=1'],
  'bin/prior': ['--steps=2', '--num_hiddens=8', '--num_layers=1'],
  'bin/visualize': ['--only=codes,curves,animation'],
}
# Of an export there is no history; its pictures are drawn as named.
SHORT_CAUSAL = ['--causal_hiddens=8', '--causal_layers=1']
OF_AN_EXPORT = {**SHORT, 'bin/visualize': ['--frames=2']}
# They need PyTorch, or take minutes to hours; `codebook_usage.py` alone without
# data takes seconds.
LONG = {
  'benchmarks/bottlenecks.py',
  'benchmarks/codebook_usage.py',
  'benchmarks/generation.py',
  'benchmarks/priors.py',
  'benchmarks/quantizer.py',
  'benchmarks/sample_quality.py',
  'benchmarks/sampling.py',
  'benchmarks/train_step.py',
}


def _blocks(language):
  return re.findall(rf'```{language}\n(.*?)```', README, re.DOTALL)


def _commands():
  lines = '\n'.join(_blocks('sh')).replace('\\\n', ' ').splitlines()
  return [line.split('#')[0].split() for line in lines if line.strip()]


def _run_here():
  """Returns [path, flag, ...] of all that takes no minutes."""
  commands = []
  for program, *flags in _commands():
    # `make` sets up environments.
    if program == 'make' or LONG & set(flags):
      continue
    script = [] if program == 'python' else [program]
    is_export = any(flag.startswith('--model=') for flag in flags)
    short = (OF_AN_EXPORT if is_export else SHORT).get(program, [])
    is_causal = '--preset=cifar10_autoregressive' in flags
    short = [*short, *(SHORT_CAUSAL if is_causal else ())]
    commands.append([*script, *flags, *short])
  return [*commands, USAGE, *([path] for path in CODE)]


CODE = {f'block_{i}.py': code for i, code in enumerate(_blocks('python'))}
USAGE = ['benchmarks/codebook_usage.py']
RUN = _run_here()


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
  (folder / 'data/fashion_mnist').symlink_to(mnist)
  cifar.mkdir()
  for part, count in (('train', 60), ('t10k', 20)):
    images = generator.integers(0, 256, [count, 28, 28], np.uint8)
    labels = generator.integers(0, 10, [count], np.uint8)
    _write_idx(mnist / f'{part}-images-idx3-ubyte', images)
    _write_idx(mnist / f'{part}-labels-idx1-ubyte', labels)
  records = generator.integers(0, 256, [CIFAR_RECORDS, 3073], np.uint8)
  records[:, 0] %= 10
  for name in [f'data_batch_{i}' for i in range(1, 6)] + ['test_batch']:
    (cifar / f'{name}.bin').write_bytes(records.tobytes())
  return folder


@pytest.fixture(scope='module')
def outcomes(folder, run_all, environment):
  """Status, stdout and stderr of each of RUN, for one import of TensorFlow."""
  for path, code in CODE.items():
    (folder / path).write_text(code)
  # One after the other, as each uses what the one before made.
  return run_all(
    RUN, 1, cwd=folder, env={**environment, 'CIFAR_RECORDS': str(CIFAR_RECORDS)}
  )


@pytest.mark.parametrize('index', range(len(RUN)), ids=map(shlex.join, RUN))
def test_commands_and_code(outcomes, index):
  status, _, error = outcomes[index]
  assert status == 0, error


def test_no_command_is_overlooked():
  programs = {command[0] for command in RUN}
  assert {'bin/mnist', 'bin/cifar10', 'bin/evaluate', 'bin/export'} < programs
  assert CODE.keys() < programs


def test_long_benchmarks_start(outcomes):
  for script in LONG:
    assert (ROOT / script).exists()
  _, out, _ = outcomes[RUN.index(USAGE)]
  shares = [float(share) for share in re.findall(r'([\d.]+) %', out)]
  # Sonnet, as Sonnet, and with the policy.
  assert len(shares) == 3 and max(shares[:2]) < 10 and shares[2] > 99


def test_make_targets():
  targets = [c[1] for c in _commands() if c[0] == 'make']
  makefile = (ROOT / 'Makefile').read_text()
  assert {'demo', 'test'} <= set(targets)
  for target in targets:
    assert re.search(rf'^{target}:', makefile, re.MULTILINE), target
