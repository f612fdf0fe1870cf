import re

import pytest
import tensorflow as tf

from vqvae_tf import build, configs
from vqvae_tf.configs import presets
from vqvae_tf.errors import UserError

IMAGE_SHAPES = {
  'spoken_digits': (2_048, 1),
  'digits': (8, 8, 1),
  'mnist': (28, 28, 1),
  'fashion_mnist': (28, 28, 1),
  'cifar10': (32, 32, 3),
}
# Preset, K, D, codes, commitment cost, how the codebook learns.
SETTINGS = [
  ('default', 512, 64, (7, 7), 0.25, 'ema'),
  ('mnist', 1024, 64, (7, 7), 0.25, 'ema'),
  ('mnist_autoregressive', 32, 64, (3, 3), 0.25, 'ema'),
  ('fashion_mnist', 1024, 64, (7, 7), 0.25, 'ema'),
  ('fashion_mnist_autoregressive', 32, 64, (3, 3), 0.25, 'ema'),
  ('cifar10', 4096, 64, (16, 16), 0.25, 'ema'),
  ('cifar10_autoregressive', 1024, 64, (4, 4), 0.25, 'ema'),
  ('cifar10_autoregressive_large', 64, 64, (4, 4), 0.25, 'ema'),
  ('digits', 32, 16, (4, 4), 0.25, 'ema'),
  ('sonnet_cifar10', 512, 64, (8, 8), 0.25, 'ema'),
  ('paper_cifar10', 512, 640, (8, 8), 0.25, 'product'),
  ('spoken_digits', 512, 64, (32,), 0.25, 'ema'),
  ('port_mnist', 20, 64, (3, 3), 0.25, 'gradient'),
  ('port_cifar10', 10, 256, (8, 8), 0.25, 'gradient'),
  ('port_cifar10_512', 512, 256, (8, 8), 1.0, 'gradient'),
]


def test_no_preset_is_forgotten():
  assert {name for name, *_ in SETTINGS} == set(presets.PRESETS)


@pytest.mark.parametrize(
  'name, num_embeddings, dim, grid, commitment, learning', SETTINGS
)
def test_preset_has_its_values_and_builds_a_model(
  name, num_embeddings, dim, grid, commitment, learning
):
  settings = presets.named(name).config
  assert settings.quantizer.commitment_cost == commitment
  assert settings.quantizer.quantizer == learning
  shape = IMAGE_SHAPES[settings.data.dataset]
  model = build.model(configs.observed(settings, shape, ()))
  num_codebooks = 10 if name == 'paper_cifar10' else 1
  assert model.quantizer.codebook_sizes == (num_embeddings,) * num_codebooks
  assert model.quantizer.embedding_dim == dim
  # Tracing checks every shape and computes nothing.
  images = tf.TensorSpec([None, *shape], tf.uint8)
  # Autograph, which the model does not need, would take most of the time.
  assess = tf.function(model.assess, autograph=False)
  assess = assess.get_concrete_function(images)
  assert assess.structured_outputs.codes.shape == (None, *grid, num_codebooks)
  reconstructions = assess.structured_outputs.reconstructions
  if settings.likelihood.decoder == 'autoregressive':
    assert reconstructions is None
  else:
    assert reconstructions.shape == (None, *shape)


def test_sonnets_preset_is_sonnets_example():
  config = presets.named('sonnet_cifar10').config
  assert config.quantizer.decay == 0.99
  assert config.quantizer.initialization == 'variance_scaling'
  assert config.quantizer.unused_codes == 'sonnet'
  assert config.network == configs.NetworkConfig(128, 2, 32, 2)
  assert config.optimizer.batch_size == 32
  assert config.optimizer.learning_rate == 3e-4
  # MSE / variance of the data = (x - mean)^2 / (2 scale^2) up to a constant.
  assert config.likelihood.likelihood == 'normal'
  assert 2 * config.likelihood.scale**2 == pytest.approx(0.0632, abs=5e-4)


@pytest.mark.parametrize('name', presets.PRESETS)
def test_preset_names_its_own_k_and_d(name):
  preset = presets.named(name)
  for letter, field in (('K', 'num_embeddings'), ('D', 'embedding_dim')):
    for value in re.findall(rf'\b{letter} = ([\d,]+\d)', preset.source):
      number = int(value.replace(',', ''))
      assert number == getattr(preset.config.quantizer, field)


@pytest.mark.parametrize('name', presets.PRESETS)
def test_preset_says_where_it_comes_from(name):
  preset = presets.named(name)
  assert len(preset.source) > 10
  assert any(character.isdigit() for character in preset.duration)
  status = preset.score.split(':')[0]
  assert status in ('published', 'measured', 'not run')


def test_unknown_preset_gets_the_nearest():
  with pytest.raises(UserError, match="'cifar': did you mean 'cifar10'"):
    presets.named('cifar')
  with pytest.raises(UserError, match="'xyz': known are default, mnist,"):
    presets.named('xyz')


def tiny(**values):
  config = configs.replace(
    configs.Config(), num_hiddens=8, num_residual_layers=1, **values
  )
  return configs.observed(config, (8, 8, 3), ())


@pytest.mark.parametrize(
  'likelihood, expected',
  [
    ('logistic_mixture', 'LogisticMixture'),
    ('normal', 'Normal'),
    ('categorical', 'Categorical'),
    ('bernoulli', 'Bernoulli'),
  ],
)
def test_every_likelihood_can_be_named(likelihood, expected):
  model = build.model(tiny(likelihood=likelihood))
  assert type(model.likelihood).__name__ == expected
  assert model.likelihood.channels == 3


def test_settings_reach_the_objects():
  model = build.model(
    tiny(
      quantizer='ema',
      decay=0.5,
      commitment_cost=0.75,
      initialization='data',
      unused_codes='keep',
      quantizer_weight=0.3,
      seed=5,
      num_halvings=1,
    )
  )
  assert model.quantizer_weight == 0.3
  assert model.quantizer.decay == 0.5
  assert model.quantizer.commitment_cost == 0.75
  policy = model.quantizer.policy
  assert (policy.initialization, policy.unused_codes) == ('data', 'keep')
  assert policy.seed == 5
  assert model.decoder.grid_size == (4, 4)


def test_too_small_images_are_refused():
  with pytest.raises(ValueError, match='8x8 cannot be halved 4 times'):
    build.model(tiny(num_halvings=4))
