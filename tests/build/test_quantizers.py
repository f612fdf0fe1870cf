"""Every quantizer by its name: built, trained, evaluated and exported."""

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import build, configs, quantizers
from vqvae_tf.runs.run import Run
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.serving import load, saved_model
from vqvae_tf.training import examples

SETTINGS = {
  'ema': {},
  'gradient': {'estimator': 'rotation'},
  'product': {'num_codebooks': 2},
  'residual': {'num_codebooks': 3, 'stage_dropout': 0.5},
  'finite_scalar': {'levels': '4,3'},
  'lookup_free': {},
  'cosine': {'projection_dim': 2},
}
CLASSES = {
  'ema': quantizers.VectorQuantizerEMA,
  'gradient': quantizers.VectorQuantizer,
  'product': quantizers.ProductQuantizer,
  'residual': quantizers.ResidualQuantizer,
  'finite_scalar': quantizers.FiniteScalarQuantizer,
  'lookup_free': quantizers.LookupFreeQuantizer,
  'cosine': quantizers.CosineQuantizer,
}
SIZES = {
  'product': (16, 16),
  'residual': (16, 16, 16),
  'finite_scalar': (12,),
}


def settings(name, **values):
  values = SETTINGS[name] | {'num_embeddings': 16, 'embedding_dim': 4} | values
  return configs.QuantizerConfig(quantizer=name, **values)


def test_every_choice_is_here():
  (choices,) = (
    field.metadata['choices']
    for field, _ in configs.fields(configs.Config())
    if field.name == 'quantizer'
  )
  assert set(choices) == set(SETTINGS)


@pytest.mark.parametrize('name', SETTINGS)
def test_the_name_means_the_class(name):
  quantizer = build.quantizer(settings(name), seed=0)
  assert type(quantizer) is CLASSES[name]
  assert quantizer.codebook_sizes == SIZES.get(name, (16,))
  assert build.codebook_sizes(settings(name)) == quantizer.codebook_sizes


@pytest.mark.parametrize('name', SETTINGS)
def test_parts_of_a_batch_move_a_codebook_once(name):
  if name == 'cosine':
    with pytest.raises(ValueError, match='=2 is not for --quantizer=cosine'):
      build.quantizer(settings(name), seed=0, accumulation_steps=2)
    return
  quantizer = build.quantizer(settings(name), seed=0, accumulation_steps=2)
  modules = (quantizer, *quantizer.submodules)
  steps = {
    module.accumulation_steps
    for module in modules
    if isinstance(module, quantizers.VectorQuantizerEMA)
  }
  assert steps == ({2} if name in ('ema', 'product', 'residual') else set())


def test_stages_place_their_codes_differently():
  residual = build.quantizer(settings('residual'), seed=5)
  assert [stage.policy.seed for stage in residual.quantizers] == [5, 6, 7]
  assert residual.dropout == 0.5 and residual.seed == 5


@pytest.mark.parametrize(
  'name, values, message',
  [
    ('product', {'num_codebooks': 3}, '=4 cannot be cut into .*=3 equal'),
    ('finite_scalar', {'levels': '8;8'}, '--levels=8;8 must be numbers'),
    ('finite_scalar', {'levels': '8,1'}, 'levels must be one or more numbers'),
    ('lookup_free', {'num_embeddings': 12}, '=12 must be a power of two'),
    ('cosine', {'unused_codes': 'sonnet'}, "use 'keep' or 'restart'"),
  ],
)
def test_contradictions_are_refused(name, values, message):
  with pytest.raises(ValueError, match=message):
    build.quantizer(settings(name, **values), seed=0)


# The two that the rest of the suite trains need no second time.
@pytest.mark.parametrize('name', sorted(SETTINGS.keys() - {'ema', 'gradient'}))
def test_the_whole_road(name, tiny_config, digits, tmp_path):
  config = configs.replace(
    tiny_config, quantizer=name, steps=2, **SETTINGS[name]
  )
  workdir = Workdir(tmp_path / 'run')
  examples.train(config, workdir, digits['train'], digits['validation'])
  trained = load.from_run(Run(workdir))
  model = saved_model.export(Run(workdir), tmp_path / 'model')
  served = load.from_export(model)
  assert served.codebook_sizes == trained.codebook_sizes
  card = (model / 'assets.extra' / 'README.md').read_text()
  sizes = SIZES.get(name, (16,))
  assert f'{len(sizes)}] out of K = {sizes[0]}, and back.' in card
  images = digits['test'].fetch(tf.range(6))[0]
  expected, actual = trained.assess(images), served.assess(images)
  positions = np.prod(expected.codes.shape[1:3])
  bits = positions * np.sum(np.log2(trained.codebook_sizes))
  np.testing.assert_allclose(expected.code_bits, bits, rtol=1e-6)
  for a, b in zip(actual, expected, strict=True):
    # float32: the same graph, saved and loaded.
    np.testing.assert_allclose(a, b, rtol=1e-5)
