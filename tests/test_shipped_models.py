"""What is said of the models that ship is what was measured of them."""

import json
import pathlib
import re

import pytest

from vqvae_tf import configs, evaluation, metrics_file
from vqvae_tf.configs import presets

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODELS = ROOT / 'assets' / 'models'
NAMES = sorted(path.name for path in MODELS.iterdir())
README = (ROOT / 'README.md').read_text()
LIMIT = 10e6  # bytes

each_model = pytest.mark.parametrize('name', NAMES)


def metadata(name):
  return json.loads((MODELS / name / 'assets' / 'metadata.json').read_text())


def measured(name):
  """Returns the metrics of a model's test split, and those of its files."""
  return metrics_file.parsed(metadata(name)['metrics']['test'])


def uniform(result):
  return result.pixel_bits_per_dim + result.code_bits_per_dim


def row_of(name):
  """Returns the cells of a model in the README's table of what is measured."""
  commands = dict(
    re.findall(r'--model=assets/models/(\w+) .*# ([A-Z])$', README, re.M)
  )
  [row] = re.findall(rf'^\|(.*)\| {commands[name]} \|$', README, re.M)
  return [cell.strip() for cell in row.split('|')]


def test_every_dataset_has_both_kinds():
  kinds = {
    (config['data']['dataset'], config['likelihood']['decoder'])
    for config in (metadata(name)['config'] for name in NAMES)
  }
  assert kinds == {
    (dataset, decoder)
    for dataset in ('mnist', 'fashion_mnist', 'cifar10')
    for decoder in ('factorized', 'autoregressive')
  }


@each_model
def test_size(name):
  files = [path for path in (MODELS / name).rglob('*') if path.is_file()]
  assert sum(path.stat().st_size for path in files) <= LIMIT


@each_model
def test_a_preset_makes_it(name):
  config = configs.from_json(
    json.dumps(metadata(name)['config']), configs.Config
  )
  preset = presets.named(name).config
  expected = configs.observed(preset, config.example_shape, config.class_names)
  # How often a run is looked at makes no other model.
  every = config.run.evaluate_every
  assert config == configs.replace(expected, evaluate_every=every)


@each_model
def test_the_score_of_its_preset(name):
  result, _ = measured(name)
  parts = [
    f'measured: {uniform(result):.3f} bits/dim '
    f'({result.bits_per_dim:.3f} with a prior)',
    f'perplexity {result.perplexity:.0f}',
  ]
  if not result.num_sampled:
    parts.insert(1, f'{result.psnr_db:.2f} dB')
  assert presets.named(name).score == ', '.join(parts)


@each_model
def test_its_row_in_the_readme(name):
  result, _ = measured(name)
  learned = result.code_bits_learned_per_dim
  assert row_of(name)[1:] == [
    f'{result.bits_per_dim:.3f} ± {result.bits_per_dim_error:.3f}',
    f'{result.pixel_bits_per_dim:.3f}',
    f'{learned:.3f} ({result.code_bits_per_dim:.3f})',
    f'{result.psnr_db:.2f} dB',
    f'{result.perplexity:,.1f}',
  ]


@each_model
def test_its_training_split_in_the_readme(name):
  splits = metadata(name)['metrics']
  if 'train' not in splits:
    assert name == 'cifar10'
    return
  train, test = (metrics_file.parsed(splits[s])[0] for s in ('train', 'test'))
  cells = f'{train.bits_per_dim:.3f} ± {train.bits_per_dim_error:.3f} | '
  if train.code_bits_learned_per_dim is None:
    # It was measured before there was a prior.
    cells += f'{uniform(test):.3f}'
  else:
    cells += f'{test.bits_per_dim:.3f} ± {test.bits_per_dim_error:.3f}'
  assert f'| {cells} |' in README


@each_model
def test_its_prior_in_the_readme(name):
  prior = metadata(name)['prior']
  standing = prior['validation']
  grid = 'x'.join(map(str, prior['config']['grid']))
  cells = [f'{standing["uniform"]:.0f}'] + [
    f'{standing[key]:.3f}' for key in ('unigram', 'marginal', 'given_class')
  ]
  assert f'| {grid} | {" | ".join(cells)} |' in README


@each_model
def test_its_card(name):
  result, files = measured(name)
  card = (MODELS / name / 'assets.extra' / 'README.md').read_text()
  # Notes beside the figures may have changed since.
  for line in evaluation.table(result, files).splitlines():
    assert line[:42].rstrip() in card, line
  config = configs.from_json(
    json.dumps(metadata(name)['config']), configs.Config
  )
  assert configs.command(config) in card


def test_the_table_of_what_codes_are_worth():
  names = ('cifar10', 'mnist', 'fashion_mnist')
  results = [measured(f'{name}_autoregressive')[0] for name in names]
  rows = {
    "given the image's own codes": [r.pixel_bits_per_dim for r in results],
    'given the codes of another image': [
      r.shuffled_bits_per_dim for r in results
    ],
    'trained without codes, at the same budget': [
      r.codeless_bits_per_dim for r in results
    ],
  }
  for name, values in rows.items():
    cells = ['not run' if v is None else f'{v:.3f}' for v in values]
    assert f'| {name} | {" | ".join(cells)} |' in README
  costs = [
    f'{r.code_bits_learned_per_dim:.3f} ({r.code_bits_per_dim:.3f})'
    for r in results
  ]
  assert f'p(z) learned (uniform) | {" | ".join(costs)} |' in README
