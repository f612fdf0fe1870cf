"""The commands of the README and the guides, and the README's code, run.

They run as written, with few steps; `make demo` is run by
tests/commands/test_training_commands.py, the code of guides by test_docs.py.
"""

import pathlib
import re
import shlex

import numpy as np
import pytest

from vqvae_tf.media import audio

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / 'README.md').read_text()
GUIDES = [path.read_text() for path in sorted((ROOT / 'docs').glob('*.md'))]
CIFAR_RECORDS = 20
# What makes a command small goes before the flags that are written, which win;
# what makes it short goes after them.
TRAIN = (
  '--batch_size=8 --num_hiddens=8 --num_residual_layers=1 '
  '--num_residual_hiddens=4 --num_embeddings=16 --optimizer=adam'
).split()
CAUSAL = ['--causal_hiddens=8', '--causal_layers=1']
STEPS = ['--steps=2', '--evaluate_every=2']
SMALL = {
  'bin/mnist': TRAIN,
  'bin/cifar10': [*TRAIN, '--num_mixtures=1'],
  'bin/prior': ['--num_hiddens=8', '--num_layers=1', '--optimizer=adam'],
  'bin/speech': [*TRAIN, *CAUSAL, '--length=128'],
}
SHORT = {
  'bin/mnist': STEPS,
  'bin/cifar10': STEPS,
  'bin/prior': ['--steps=2'],
  'bin/speech': STEPS,
  'bin/sample': ['--num=2'],
  'bin/visualize': ['--frames=2'],
}
ALL_PICTURES = ['bin/visualize', '--workdir=runs/mnist']
# They need PyTorch, or take minutes to hours: they only say how they are used.
LONG = {
  f'benchmarks/{name}.py'
  for name in (
    'bottlenecks codebook_usage codec files generation keras_mnist priors '
    'quantizer sample_quality sampling train_step'
  ).split()
}


def _blocks(language, text):
  return re.findall(rf'```{language}\n(.*?)```', text, re.DOTALL)


def _commands(text):
  lines = '\n'.join(_blocks('sh', text)).replace('\\\n', ' ').splitlines()
  return [line.split('#')[0].split() for line in lines if line.strip()]


def _run_here():
  """Returns [path, flag, ...] of all that takes no minutes, each once."""
  commands = []
  for text in (README, *GUIDES):
    for program, *flags in _commands(text):
      # `make` sets up environments; TensorFlow's own tools are not ours.
      if program in ('make', 'saved_model_cli'):
        continue
      if LONG & set(flags):
        flags = [flags[0], '--help']
      if [program, *flags] == ALL_PICTURES:
        flags = [*flags, '--only=codes']
      script = [] if program == 'python' else [program]
      small, short = (d.get(program, []) for d in (SMALL, SHORT))
      # Other decoders refuse them.
      is_causal = '--preset=cifar10_autoregressive' in flags
      causal = CAUSAL if is_causal else []
      command = [*script, *small, *causal, *flags, *short]
      if command not in commands:
        commands.append(command)
  return [*commands, *([path] for path in CODE)]


CODE = {
  f'block_{i}.py': code for i, code in enumerate(_blocks('python', README))
}
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
  sounds = folder / 'data/spoken_digits'
  sounds.mkdir()
  for index in range(15):
    noise = generator.normal(size=300) / 4
    audio.write(sounds / f'{index % 10}_ann_{index}.wav', noise, 8_000)
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
  commands = (
    'mnist cifar10 speech prior evaluate sample export visualize compress '
    'decompress'
  ).split()
  assert {f'bin/{name}' for name in commands} < programs
  assert CODE.keys() < programs


def test_make_targets():
  targets = [c[1] for c in _commands(README) if c[0] == 'make']
  makefile = (ROOT / 'Makefile').read_text()
  assert {'demo', 'test'} <= set(targets)
  for target in targets:
    assert re.search(rf'^{target}:', makefile, re.MULTILINE), target
