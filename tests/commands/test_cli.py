"""What the executables say before TensorFlow is needed."""

import subprocess
import sys

import pytest

from vqvae_tf import configs
from vqvae_tf.configs import PriorConfig, presets
from vqvae_tf.configs.prior import UNUSED
from vqvae_tf.visualization import names

_TRAINING = ('train', 'mnist', 'cifar10')
_ALL = (
  *_TRAINING,
  'demo',
  'evaluate',
  'export',
  'prior',
  'sample',
  'visualize',
)


@pytest.fixture
def answer(command, environment):
  """Runs a command; returns status, stdout and stderr without the imports."""

  def run(name, *flags):
    done = command(
      name, *flags, env=environment | {'PYTHONPROFILEIMPORTTIME': '1'}
    )
    lines = done.stderr.splitlines(keepends=True)
    imports = [line for line in lines if line.startswith('import time:')]
    modules = {line.split('|')[-1].strip() for line in imports}
    assert 'vqvae_tf.commands.cli' in modules
    assert not {'tensorflow', 'sonnet', 'matplotlib'} & modules
    done.stderr = ''.join(line for line in lines if line not in imports)
    return done

  return run


@pytest.mark.parametrize('name', _ALL)
def test_help_shows_all_flags_at_once(answer, name):
  text = answer(name, '--help').stdout
  assert '--workdir: ' in text
  if name in _TRAINING:
    for field, _ in configs.fields(configs.Config()):
      flag = f'[no]{field.name}' if field.type is bool else field.name
      assert f'--{flag}: {field.metadata["help"].split()[0]}' in text
      for choice in field.metadata['choices'] or ():
        assert choice in text
    assert 'list_presets: ' in text
    assert f'bin/{name} --workdir=' in text
    words = ' '.join(text.split())
    preset = 'default' if name == 'train' else name
    source = presets.named(preset).source
    assert f'are as in --preset={preset}: {source}.' in words
    sizes = {'train': 512, 'mnist': 1024, 'cifar10': 4096}
    assert (
      'size K of each codebook; in [1, 16777216]; for --quantizer=ema, '
      'gradient, product, residual, cosine or lookup_free (default: '
      f'{sizes[name]} of --preset={preset})'
    ) in words
  if name == 'prior':
    for field, _ in configs.fields(PriorConfig()):
      flag = f'[no]{field.name}' if field.type is bool else field.name
      is_there = f'--{flag}: {field.metadata["help"].split()[0]}' in text
      assert is_there == (field.name not in UNUSED)
    assert '(default: 500)' in text and "(default: 'muon')" in text
  if name == 'evaluate':
    assert '--splits: parts of the data, of train, validation, test' in text
    assert '--[no]formats: ' in text
  if name == 'sample':
    assert '--keep: left, right, top, bottom or x0,y0,x1,y1' in text
  if name == 'visualize':
    assert '--split: <train|validation|test>' in text
    assert '--only: pictures, of reconstructions, extremes, codes, ' in text


def test_list_pictures(answer):
  done = answer('visualize', '--list')
  assert done.returncode == 0
  assert done.stdout == names.listed() + '\n'


def test_list_presets(answer):
  done = answer('mnist', '--list_presets')
  assert done.returncode == 0
  for name, preset in presets.PRESETS.items():
    assert f'{name}\n  source:   {preset.source}' in done.stdout
    assert f'duration: {preset.duration}\n' in done.stdout
    assert f'score:    {preset.score}\n' in done.stdout


@pytest.mark.parametrize(
  'name, flags, message',
  [
    (
      'train',
      ['--stpes=4'],
      "Unknown command line flag 'stpes'. Did you mean: steps ?",
    ),
    (
      'train',
      ['--preset=cifar'],
      "no preset is called 'cifar': did you mean 'cifar10'?",
    ),
    (
      'train',
      ['--dataset=minst'],
      "--dataset=minst is unknown: did you mean 'mnist'?",
    ),
    (
      'cifar10',
      ['--likelihood=normall'],
      "--likelihood=normall is unknown: did you mean 'normal'?",
    ),
    (
      'train',
      ['--precision=mixed_float15'],
      "--precision=mixed_float15 is unknown: did you mean 'mixed_float16'?",
    ),
    ('mnist', ['--steps=0'], '--steps=0 must be in [1, 1000000000]'),
    (
      'mnist',
      ['--steps=many'],
      "flag --steps=many: invalid literal for int() with base 10: 'many'",
    ),
    (
      'train',
      ['--num_hiddens=1000000000'],
      '--num_hiddens=1000000000 must be in [1, 65536]',
    ),
    (
      'train',
      ['--quantizer=finite_scalar', '--num_embeddings=64'],
      '--num_embeddings=64 does nothing for --quantizer=finite_scalar, which '
      'reads --levels; it is for --quantizer=ema, gradient, product, residual, '
      'cosine or lookup_free',
    ),
    (
      'train',
      ['--quantizer=lookup_free', '--estimator=straight_through'],
      '--estimator=straight_through does nothing for --quantizer=lookup_free, '
      'which reads --num_embeddings, --commitment_cost, --quantizer_weight; it '
      'is for --quantizer=ema, gradient, product, residual or cosine',
    ),
    (
      'cifar10',
      ['--block_size=4'],
      '--block_size=4 does nothing for --decoder=factorized; it is for '
      '--decoder=autoregressive',
    ),
    (
      'mnist',
      ['--num_mixtures=3'],
      '--num_mixtures=3 does nothing for --likelihood=categorical; it is for '
      '--likelihood=logistic_mixture',
    ),
    (
      'train',
      ['--dataset=digits', '--data_dir=data'],
      '--data_dir=data does nothing for --dataset=digits; it is for '
      '--dataset=mnist, mnist_binarized, fashion_mnist, cifar10, image_folder, '
      'audio_folder, spoken_digits or tfds:NAME[/CONFIG]',
    ),
    (
      'train',
      ['--dataset=mnist', '--split=train=train,validation=test,test=test'],
      '--split=train=train,validation=test,test=test does nothing for '
      '--dataset=mnist, which reads --data_dir; it is for '
      '--dataset=tfds:NAME[/CONFIG]',
    ),
    ('mnist', ['20000'], "'20000' is no flag: see --help"),
    (
      'evaluate',
      ['--splits=train,tset'],
      '--splits=train,tset: give one or more of train,validation,test',
    ),
    (
      'evaluate',
      ['--splits='],
      '--splits=: give one or more of train,validation,test',
    ),
    (
      'visualize',
      ['--split=tset'],
      'flag --split=tset: value should be one of <train|validation|test>',
    ),
    ('evaluate', [], 'give either --workdir=RUN or --model=EXPORT'),
    (
      'visualize',
      ['--workdir=a', '--model=b', '--output=c'],
      'give either --workdir=RUN or --model=EXPORT',
    ),
    (
      'visualize',
      ['--model=b'],
      'give --output=FOLDER for the pictures of an export',
    ),
    (
      'visualize',
      ['--model=b', '--output=c', '--only=wlak'],
      '--only=wlak: give one or more of reconstructions,extremes,codes,'
      'surprise,usage,codebook,projector,edits,influence,walk,interpolation,'
      'mixing,samples,curves,animation',
    ),
    (
      'sample',
      ['--model=b'],
      'give --output=FOLDER for the samples of an export',
    ),
    (
      'sample',
      ['--workdir=a', '--image=b.png'],
      'to complete an image give --keep and --image or --index',
    ),
    (
      'sample',
      ['--workdir=a', '--keep=left'],
      'to complete an image give --keep and --image or --index',
    ),
    (
      'sample',
      ['--workdir=a', '--keep=left', '--image=b.png', '--index=3'],
      'to complete an image give --keep and --image or --index',
    ),
    (
      'sample',
      ['--workdir=a', '--temperature=nan'],
      'flag --temperature=nan: nan is no number',
    ),
    (
      'sample',
      ['--workdir=a', '--top_p=nan'],
      'flag --top_p=nan: nan is no number',
    ),
    (
      'sample',
      ['--workdir=a', '--num=0'],
      'flag --num=0: 0 is not an integer in the range [1, 1000000]',
    ),
    (
      'sample',
      ['--workdir=a', '--temperature=inf'],
      'flag --temperature=inf: inf is not a number in the range [0, 1000000.0]',
    ),
    (
      'visualize',
      ['--workdir=a', '--frames=100000000000000000000'],
      'flag --frames=100000000000000000000: 100000000000000000000 is not an '
      'integer in the range [1, 100000]',
    ),
    (
      'visualize',
      ['--workdir=a', '--seed=-1'],
      'flag --seed=-1: -1 is not an integer in the range [0, 2147483647]',
    ),
    (
      'export',
      [],
      'give --workdir=RUN, the folder of a trained model',
    ),
    (
      'prior',
      [],
      'give --workdir=RUN, the folder of a trained model',
    ),
    (
      'prior',
      ['--workdir=a', '--network=transfromer'],
      "--network=transfromer is unknown: did you mean 'transformer'?",
    ),
    (
      'prior',
      ['--workdir=a', '--precision=float32'],
      "Unknown command line flag 'precision'",
    ),
  ],
)
def test_mistyped_flags(answer, name, flags, message):
  done = answer(name, *flags)
  assert done.returncode == 1
  assert done.stdout == ''
  assert done.stderr == f'error: {message}\n'


@pytest.mark.parametrize(
  'given',
  [
    # What the preset says of a codebook counts for one kind and another.
    {'preset': 'mnist', 'quantizer': 'residual', 'num_codebooks': 2},
    {'preset': 'mnist', 'quantizer': 'finite_scalar', 'levels': '5,5,5,5'},
    {'preset': 'fashion_mnist_autoregressive', 'likelihood': 'normal'},
    {'preset': 'paper_cifar10', 'dataset': 'digits'},
  ],
)
def test_only_what_is_given_must_count(environment, given):
  code = f"""
from absl import flags
from vqvae_tf import configs
from vqvae_tf.commands import cli
cli.define_preset_flags('default')
flags.FLAGS(['train', *(f'--{{n}}={{v}}' for n, v in {given}.items())])
print(configs.to_json(cli.preset_from_flags()))
"""
  done = subprocess.run(
    [sys.executable, '-c', code],
    capture_output=True,
    text=True,
    env=environment,
    check=True,
  )
  preset = presets.named(given.pop('preset')).config
  expected = configs.replace(preset, **given)
  assert configs.from_json(done.stdout, configs.Config) == expected
