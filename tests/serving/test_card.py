import types

import pytest

from vqvae_tf import build, configs
from vqvae_tf.runs.workdir import State, Workdir
from vqvae_tf.serving import card

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


@pytest.fixture
def text(tmp_path):
  """Takes a configuration, and a model if not its own, to a card."""

  def of(config, model=None):
    config = configs.observed(config, (8, 8, 1), ())
    run = types.SimpleNamespace(
      config=config,
      model=model or build.initialized_model(config),
      state=State(step=4, seconds=1.0, best_step=4),
      step=4,
      prior=None,
      workdir=Workdir(tmp_path),
      fingerprints={},
    )
    return card.text(run, '0')

  return of


def test_every_kind_is_here():
  (kinds,) = (
    field.metadata['choices']
    for field, _ in configs.fields(configs.Config())
    if field.name == 'quantizer'
  )
  assert set(kinds) == set(KINDS)


@pytest.mark.parametrize('kind', KINDS)
def test_how_many_codes_there_are(text, kind):
  settings, expected = KINDS[kind]
  config = configs.replace(configs.Config(), quantizer=kind, **settings)
  assert f'to codes int32 [2, 2, {expected}, and back.' in text(config)


def test_codebooks_of_different_sizes(text):
  books = [types.SimpleNamespace(shape=(4, size)) for size in (7, 3)]
  nothing = types.SimpleNamespace(variables=())
  model = types.SimpleNamespace(
    encoder=nothing,
    projection=nothing,
    quantizer=types.SimpleNamespace(
      codebook_sizes=(7, 3), codebooks=books, variables=books
    ),
    decoder=nothing,
    code_shape=(2, 2, 2),
    likelihood=types.SimpleNamespace(is_autoregressive=False, variables=()),
    trainable_variables=(),
  )
  found = text(configs.Config(), model)
  assert '2] out of K = 7, 3, and back.' in found
  assert (
    'Parameters: encoder 0, quantizer 40, decoder 0, likelihood 0; 40 in all, '
    '0 of them trainable.'
  ) in found


@pytest.mark.parametrize(
  'decoder, is_told', [('factorized', False), ('autoregressive', True)]
)
def test_samples_are_called_samples(text, decoder, is_told):
  config = configs.replace(configs.Config(), decoder=decoder)
  found = 'The decoder is autoregressive' in text(config)
  assert found == is_told
