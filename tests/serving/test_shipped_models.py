"""What is said of the models that ship is what was measured of them."""

import json
import pathlib

import numpy as np
import pytest

from vqvae_tf import configs
from vqvae_tf.configs import presets
from vqvae_tf.metrics.table import table
from vqvae_tf.runs import results
from vqvae_tf.serving import Codec, load

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ROOT / 'assets' / 'models'
NAMES = sorted(path.name for path in MODELS.iterdir())
LIMIT = 10e6  # bytes
# What was trained on a GPU may take more.
LIMITS = {'cifar10_autoregressive_large': 40e6}

each_model = pytest.mark.parametrize('name', NAMES)


def metadata(name):
  return json.loads((MODELS / name / 'assets' / 'metadata.json').read_text())


def measured(name):
  """Returns the metrics of a model's test split, and those of its files."""
  return results.parsed(metadata(name)['metrics']['test'])


def uniform(result):
  return result.pixel_bits_per_dim + result.code_bits_per_dim


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
  assert sum(path.stat().st_size for path in files) <= LIMITS.get(name, LIMIT)


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
def test_its_files_are_what_it_promises(name):
  """The integers are the network: an image costs what it should, to 0.3 %."""
  subject, codec = load.from_export(MODELS / name), Codec(MODELS / name)
  height, width, channels = subject.config.example_shape
  waves = np.add.outer(np.arange(height) ** 2 / 40, np.arange(width) / 3)
  image = 127 + 90 * np.sin(waves)[np.newaxis, ..., np.newaxis]
  image = np.repeat(image, channels, -1).astype(np.uint8)
  label = np.array([3], np.int32)
  data = codec.compress(image, label)
  np.testing.assert_array_equal(codec.decompress(data), image)
  codes = subject.encode(image)
  sizes = codec.sizes(data)
  pixels = float(np.sum(subject.pixel_bits(codes, image)))
  assert 8 * sizes.pixels == pytest.approx(pixels, rel=3e-3)
  # Each code has a mass of 2^-24 beside its share of the rest.
  masses = 2.0 ** -np.float64(subject.prior.code_bits(codes, label))
  masses = masses * (1 - subject.codebook_sizes[0] / 2**24) + 2.0**-24
  assert 8 * sizes.codes == pytest.approx(-np.log2(masses).sum(), rel=3e-3)


@each_model
def test_its_card(name):
  result, files = measured(name)
  card = (MODELS / name / 'assets.extra' / 'README.md').read_text()
  # Notes beside the figures may have changed since.
  for line in table(result, files).splitlines():
    assert line[:42].rstrip() in card, line
  config = configs.from_json(
    json.dumps(metadata(name)['config']), configs.Config
  )
  assert configs.command(config) in card
