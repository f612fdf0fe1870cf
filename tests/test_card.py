import dataclasses

import pytest
from vqvae_tf.checkpoints import State

from vqvae_tf import build, card, configs

# Flags of each kind, and the number of its codes.
KINDS = {
  'ema': ({'num_embeddings': 16}, '1] out of K = 16'),
  'gradient': ({'num_embeddings': 16}, '1] out of K = 16'),
  'product': (
    {'num_embeddings': 16, 'num_codebooks': 2},
    '2] out of K = 16',
  ),
  'residual': (
    {'num_embeddings': 8, 'num_codebooks': 3},
    '3] out of K = 8',
  ),
  'finite_scalar': ({'levels': '5,5,5,5'}, '1] out of K = 625'),
  'lookup_free': ({'num_embeddings': 64}, '1] out of K = 64'),
  'cosine': ({'num_embeddings': 16}, '1] out of K = 16'),
}


def text(config, sizes):
  config = configs.observed(config, (8, 8, 1), ())
  state = State(step=4, seconds=1.0, best_step=4)
  return card.text(config, state, {}, '0', [2, 2, len(sizes)], sizes)


def test_every_kind_is_here():
  (kinds,) = (
    field.metadata['choices']
    for field, _ in configs.fields(configs.Config())
    if field.name == 'quantizer'
  )
  assert set(kinds) == set(KINDS)


@pytest.mark.parametrize('kind', KINDS)
def test_how_many_codes_there_are(kind):
  settings, expected = KINDS[kind]
  config = configs.replace(configs.Config(), quantizer=kind, **settings)
  config = dataclasses.replace(config, image_shape=(8, 8, 1))
  sizes = build.model(config).quantizer.codebook_sizes
  assert f'to codes int32 [2, 2, {expected}, and back.' in text(config, sizes)


def test_codebooks_of_different_sizes():
  assert '2] out of K = 7, 3, and back.' in text(configs.Config(), (7, 3))


@pytest.mark.parametrize(
  'decoder, is_told', [('factorized', False), ('autoregressive', True)]
)
def test_samples_are_called_samples(decoder, is_told):
  config = configs.replace(configs.Config(), decoder=decoder)
  found = 'The decoder is autoregressive' in text(config, (16,))
  assert found == is_told
