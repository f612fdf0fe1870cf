"""What counts for a kind, by what is built of it and nothing else."""

import types

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import build, configs, datasets
from vqvae_tf.datasets.names import SOUNDS

SMALL = {
  'num_hiddens': 8,
  'embedding_dim': 4,
  'num_embeddings': 16,
  'num_codebooks': 2,
  'levels': '4,3',
  'projection_dim': 2,
  'stage_dropout': 0.5,
  'causal_hiddens': 8,
  'causal_layers': 1,
}
# Another value of each field, which every kind could take.
OF_QUANTIZERS = {
  'embedding_dim': 8,
  'num_embeddings': 32,
  'num_codebooks': 4,
  'levels': '5,3',
  'projection_dim': 3,
  'stage_dropout': 0.25,
  'estimator': 'rotation',
  'commitment_cost': 0.5,
  'decay': 0.5,
  'initialization': 'data',
  'unused_codes': 'keep',
}
OF_LIKELIHOODS = {
  'num_mixtures': 3,
  'scale': 0.25,
  'block_size': 1,
  'causal_hiddens': 16,
  'causal_layers': 2,
}
FIELDS = {field.name: field for field, _ in configs.fields(configs.Config())}


def choices(name):
  return FIELDS[name].metadata['choices']


def make(**values):
  config = configs.replace(configs.Config(), **{**SMALL, **values})
  return configs.observed(config, (8, 8, 1), ())


def portrait(thing):
  """Returns what makes up an object, down to numbers, words and shapes."""
  if isinstance(thing, (tf.Variable, tf.Tensor)):
    return tuple(thing.shape), thing.dtype
  if isinstance(thing, np.ndarray):
    return thing.tolist()
  if isinstance(thing, (list, tuple)):
    return [portrait(each) for each in thing]
  is_function = isinstance(thing, (type, types.FunctionType))
  if is_function or not hasattr(thing, '__dict__'):
    return thing
  # Names, and what TensorFlow keeps for checkpoints, are no settings.
  return type(thing), {
    key: portrait(value)
    for key, value in vars(thing).items()
    if 'name' not in key and not key.startswith('_self_')
  }


@pytest.mark.parametrize('kind', choices('quantizer'))
def test_what_a_quantizer_reads(kind):
  def built(**values):
    return portrait(build.model(make(quantizer=kind, **values)).quantizer)

  first, config = built(), make(quantizer=kind)
  assert built() == first
  read = {n for n, v in OF_QUANTIZERS.items() if built(**{n: v}) != first}
  assert read == {n for n in OF_QUANTIZERS if configs.counts(config, FIELDS[n])}


@pytest.mark.parametrize('decoder', choices('decoder'))
@pytest.mark.parametrize('kind', choices('likelihood'))
def test_what_a_likelihood_reads(kind, decoder):
  def built(**values):
    config = make(likelihood=kind, decoder=decoder, **values)
    return portrait(build.model(config).likelihood)

  first, config = built(), make(likelihood=kind, decoder=decoder)
  assert built() == first
  read = {n for n, v in OF_LIKELIHOODS.items() if built(**{n: v}) != first}
  assert read == {
    n for n in OF_LIKELIHOODS if configs.counts(config, FIELDS[n])
  }


@pytest.mark.parametrize('kind', choices('quantizer'))
def test_only_a_loss_has_a_weight(kind):
  config = make(quantizer=kind)
  quantizer = build.model(config).quantizer
  vectors = tf.random.stateless_normal([20, quantizer.embedding_dim], [1, 2])
  loss = quantizer.forward(vectors, is_training=False).loss
  counts = configs.counts(config, FIELDS['quantizer_weight'])
  assert bool(loss != 0) == counts


@pytest.mark.parametrize('kind', choices('quantizer'))
def test_who_has_a_codebook(kind):
  config = make(quantizer=kind)
  quantizer = build.model(config).quantizer
  assert config.quantizer.has_codebook == bool(quantizer.codebooks)


@pytest.mark.parametrize('decoder', choices('decoder'))
def test_who_is_autoregressive(decoder):
  config = make(decoder=decoder)
  likelihood = build.model(config).likelihood
  assert config.likelihood.is_autoregressive == likelihood.is_autoregressive


def test_digits_need_no_folder(tmp_path):
  source = datasets.open_source('digits', 'test', tmp_path / 'nowhere')
  assert source.num_examples > 0
  for name in datasets.NAMES:
    config = make(dataset=name)
    counts = configs.counts(config, FIELDS['data_dir'])
    assert counts == (name != 'digits')


@pytest.mark.parametrize(
  'name', sorted({*datasets.NAMES} - {'image_folder', *SOUNDS})
)
def test_images_with_a_size_of_their_own_are_given_none(name):
  assert not configs.counts(make(dataset=name), FIELDS['image_size'])
  with pytest.raises(ValueError, match='image_size is for image_folder'):
    datasets.open_source(name, 'test', image_size=8)


def test_no_kind_is_forgotten():
  names = {n for n, field in FIELDS.items() if field.metadata['only']}
  assert names == {
    *OF_QUANTIZERS,
    *OF_LIKELIHOODS,
    'quantizer_weight',
    'data_dir',
    'image_size',
    'split',
    'sample_rate',
    'length',
  }


def test_effective_settings():
  config = make(quantizer='finite_scalar', num_embeddings=64, scale=0.5)
  effective = configs.effective(config)
  assert effective.quantizer.num_embeddings == 512
  assert effective.likelihood.scale == 0
  assert effective.quantizer.levels == '4,3'
  assert configs.effective(effective) == effective
  assert effective.image_shape == (8, 8, 1)


def test_the_command_names_what_counts():
  config = configs.replace(
    configs.Config(),
    dataset='digits',
    quantizer='finite_scalar',
    num_embeddings=64,
    levels='5,5',
  )
  assert configs.command(config) == (
    'bin/train --dataset=digits --quantizer=finite_scalar --levels=5,5'
  )


def test_what_does_not_count_may_differ_on_resume():
  old = make(quantizer='finite_scalar', num_embeddings=64)
  configs.check_resumable(old, make(quantizer='finite_scalar'), 'runs/x')


def test_json_with_any_value_that_does_not_count():
  """Earlier versions took what nobody reads."""
  config = make(quantizer='ema', stage_dropout=7.0, scale=-1.0)
  text = configs.to_json(config)
  assert configs.from_json(text, configs.Config) == config
