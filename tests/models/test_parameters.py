import tensorflow as tf

from vqvae_tf import build, configs
from vqvae_tf.configs import PriorConfig
from vqvae_tf.models import parameters

_NETWORK = {
  'num_hiddens': 8,
  'num_residual_layers': 1,
  'num_residual_hiddens': 4,
  'num_halvings': 1,
  'embedding_dim': 4,
  'num_embeddings': 16,
  'likelihood': 'normal',
}


def _of(**values):
  config = configs.replace(configs.Config(), **_NETWORK, **values)
  return build.initialized_model(configs.observed(config, (8, 8, 1), ()))


def test_a_codebook_counts_whoever_moves_it():
  ema = parameters.of_model(_of(quantizer='ema'))
  gradient = parameters.of_model(_of(quantizer='gradient'))
  assert ema.parts == gradient.parts
  assert ema.parts['quantizer'] == 4 * 16
  total = sum(ema.parts.values())
  assert (ema.num_trainable, gradient.num_trainable) == (total - 64, total)


def test_every_part_counts():
  model = _of(quantizer='cosine', projection_dim=2, decoder='autoregressive')
  found = parameters.of_model(model)
  # Codes of 2 dimensions; 4 to 2 without, and 2 to 4 with a bias.
  assert found.parts['quantizer'] == 2 * 16 + 4 * 2 + 2 * 4 + 4
  assert found.parts['likelihood'] > 0
  assert found.num_trainable == sum(
    int(tf.size(variable)) for variable in model.trainable_variables
  )
  assert found.num_trainable == sum(found.parts.values()) - 2 * 16


def test_the_tables_of_a_prior():
  config = PriorConfig(
    grid=(2, 5), codebook_sizes=(7, 3), num_dims=1, class_names=('a', 'b', 'c')
  )
  config = configs.replace(config, num_hiddens=8, num_layers=1)
  found = parameters.of_prior(build.prior(config))
  # 32 features of each code, position and class.
  assert found.parts['tables'] == 32 * (7 + 3 + 2 * 5 + 3)
  assert found.num_trainable == sum(found.parts.values())


def test_in_a_line():
  known = parameters.Parameters({'encoder': 1234, 'likelihood': 0}, 1000)
  assert str(known) == (
    'encoder 1,234, likelihood 0; 1,234 in all, 1,000 of them trainable'
  )
