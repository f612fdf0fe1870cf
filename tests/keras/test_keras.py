"""The Keras layers; a new one joins `LAYERS` beside the module it holds."""

import inspect
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import keras as layers
from vqvae_tf import quantizers as modules

RESTART = modules.CodebookPolicy('kmeans++', 'restart', seed=3)
# All of dimension 4, so that one batch fits all.
LAYERS = {
  'VectorQuantizer': (
    lambda: layers.VectorQuantizer(4, 6, policy=RESTART),
    lambda: modules.VectorQuantizer(4, 6, 0.25, policy=RESTART),
  ),
  'VectorQuantizerEMA': (
    lambda: layers.VectorQuantizerEMA(4, 6, 0.5, 0.9, estimator='rotation'),
    lambda: modules.VectorQuantizerEMA(
      4, 6, 0.5, 0.9, estimator=modules.rotation_trick
    ),
  ),
  'CosineQuantizer': (
    lambda: layers.CosineQuantizer(4, 6, projection_dim=3),
    lambda: modules.CosineQuantizer(4, 6, projection_dim=3),
  ),
  'FiniteScalarQuantizer': (
    lambda: layers.FiniteScalarQuantizer([3, 4, 5, 3]),
    lambda: modules.FiniteScalarQuantizer([3, 4, 5, 3]),
  ),
  'LookupFreeQuantizer': (
    lambda: layers.LookupFreeQuantizer(4, 0.5, 0.2),
    lambda: modules.LookupFreeQuantizer(4, 0.5, 0.2),
  ),
  'ProductQuantizer': (
    lambda: layers.ProductQuantizer(
      [layers.VectorQuantizer(1, 5), layers.FiniteScalarQuantizer([3, 3, 3])]
    ),
    lambda: modules.ProductQuantizer(
      [
        modules.VectorQuantizer(1, 5, 0.25),
        modules.FiniteScalarQuantizer([3, 3, 3]),
      ]
    ),
  ),
  'ResidualQuantizer': (
    lambda: layers.ResidualQuantizer(
      [layers.VectorQuantizerEMA(4, 6, policy=RESTART) for _ in range(2)],
      dropout=0.5,
      seed=2,
    ),
    lambda: modules.ResidualQuantizer(
      [
        modules.VectorQuantizerEMA(4, 6, 0.25, 0.99, policy=RESTART)
        for _ in range(2)
      ],
      dropout=0.5,
      seed=2,
    ),
  ),
}


@pytest.fixture(autouse=True)
def seeded():
  keras.utils.set_random_seed(0)


@pytest.fixture(params=LAYERS)
def pair(request):
  """A layer and a module with the same weights."""
  layer, module = (make() for make in LAYERS[request.param])
  for weight, variable in zip(layer.weights, ordered(module), strict=True):
    variable.assign(weight.value)
  return layer, module


def ordered(module):
  """The variables in Keras's order: the trainable ones come first."""
  return sorted(module.variables, key=lambda v: not v.trainable)


def vectors(*shape):
  return tf.random.stateless_normal([*shape, 4], [5, sum(shape)])


def assert_equal(weights, others):
  for weight, other in zip(weights, others, strict=True):
    np.testing.assert_array_equal(weight, other)


def test_no_layer_is_forgotten():
  found = {
    name
    for name in layers.__all__
    if issubclass(getattr(layers, name), layers.QuantizerLayer)
  }
  assert found == {'QuantizerLayer', *LAYERS}
  names = [n for n in modules.__all__ if n.endswith(('Quantizer', 'EMA'))]
  assert {*names} - {'Quantizer'} == {*LAYERS}


def test_layers_compute_what_their_modules_do(pair):
  layer, module = pair
  inputs = vectors(2, 3, 5)
  for training in (True, True, False):
    expected = module.forward(inputs, training)
    np.testing.assert_array_equal(
      layer(inputs, training=training), expected.vectors
    )
    assert_equal(layer.losses, [expected.loss])
    assert_equal(layer.get_weights(), ordered(module))
  codes = layer.encode(inputs.numpy())
  assert codes.dtype == tf.int32
  np.testing.assert_array_equal(codes, expected.codes)
  np.testing.assert_array_equal(layer.decode(codes), expected.vectors)


def test_shapes_are_known_without_a_call(pair):
  symbolic = pair[0](keras.Input((None, 7, 4)))
  assert symbolic.shape == (None, None, 7, 4)


@pytest.mark.parametrize('name', LAYERS)
def test_defaults_are_those_of_the_module(name):
  words = {'estimator'}
  parameters = [
    inspect.signature(getattr(package, name).__init__).parameters
    for package in (layers, modules)
  ]
  ours, theirs = (
    {
      key: each.default
      for key, each in found.items()
      if key not in words and each.default is not inspect.Parameter.empty
    }
    for found in parameters
  )
  assert ours.items() >= {k: theirs[k] for k in ours.keys() & theirs}.items()


def test_a_part_cannot_be_frozen_alone():
  part = layers.VectorQuantizerEMA(4, 6)
  part.trainable = False
  with pytest.raises(ValueError, match='freeze the layer that it is a part of'):
    layers.ProductQuantizer([part])


def test_configuration_comes_back_from_json(pair):
  config = pair[0].get_config()
  copy = type(pair[0]).from_config(json.loads(json.dumps(config)))
  assert copy.get_config() == config
  assert [w.path for w in copy.weights] == [w.path for w in pair[0].weights]
  assert_equal(copy(vectors(2)).shape, [2, 4])


def test_saved_and_loaded(pair, tmp_path):
  model = keras.Sequential([keras.Input((3, 4)), pair[0]])
  inputs = vectors(9, 3)
  model(inputs, training=True)
  model.save(tmp_path / 'model.keras')
  loaded = keras.saving.load_model(tmp_path / 'model.keras')
  np.testing.assert_array_equal(loaded(inputs), model(inputs))
  # Dropout's counter and the averages too: both go on alike.
  for each in (model, loaded):
    each(inputs, training=True)
  assert_equal(loaded.get_weights(), model.get_weights())


def test_what_gradients_train():
  assert [w.name for w in layers.VectorQuantizer(4, 6).trainable_weights] == [
    'embeddings_0'
  ]
  layer = layers.VectorQuantizerEMA(4, 6)
  assert not layer.trainable_weights
  # The codebook; counter, hidden and average of two averages.
  assert len(layer.non_trainable_weights) == 7


def test_paths_of_weights_tell_layers_and_stages_apart():
  parts = [
    layers.ResidualQuantizer([layers.VectorQuantizerEMA(4, 6)]),
    layers.ResidualQuantizer([layers.VectorQuantizerEMA(4, 6) for _ in '12']),
  ]
  paths = [weight.path for layer in parts for weight in layer.weights]
  assert len({*paths}) == len(paths) == 7 + 14
  assert all(w.path.startswith(f'{p.name}/') for p in parts for w in p.weights)


def test_a_frozen_layer_does_not_move():
  layer = layers.VectorQuantizerEMA(4, 6)
  layer.trainable = False
  before = layer.get_weights()
  layer(vectors(9), training=True)
  assert_equal(layer.get_weights(), before)
  layer.trainable = True
  layer(vectors(9), training=True)
  assert np.any(layer.get_weights()[0] != before[0])


def test_padding_counts_nowhere():
  inputs = vectors(2, 3).numpy()
  inputs[1, 1:] = 9.0
  layer = layers.VectorQuantizerEMA(4, 6, name='codes')
  model = keras.Sequential([keras.layers.Masking(9.0), layer])
  alone = layers.VectorQuantizerEMA(4, 6, name='codes')
  alone.set_weights(layer.get_weights())

  outputs = model(inputs, training=True)
  alone(inputs.reshape(6, 4)[:4], training=True)

  # Sums of the same numbers in another order.
  for weight, other in zip(
    layer.get_weights(), alone.get_weights(), strict=True
  ):
    np.testing.assert_allclose(weight, other, rtol=1e-6)
  np.testing.assert_allclose(layer.losses, alone.losses, rtol=1e-6)
  counts = layer.usage.counts[0].numpy()
  np.testing.assert_array_equal(counts, alone.usage.counts[0].numpy())
  assert counts.sum() == 4
  # What follows knows of the padding, too.
  np.testing.assert_array_equal(
    outputs._keras_mask, [[True] * 3, [True, False, False]]
  )


@pytest.mark.parametrize(
  'policy, dtype, codebook',
  [
    ('mixed_bfloat16', 'bfloat16', 'float32'),
    ('mixed_float16', 'float16', 'float32'),
    ('float16', 'float16', 'float32'),
    ('float64', 'float64', 'float64'),
  ],
)
def test_precision(policy, dtype, codebook):
  layer = layers.VectorQuantizerEMA(4, 6, dtype=policy)
  outputs = layer(vectors(9), training=True)
  assert outputs.dtype == dtype
  assert layer.weights[0].dtype == codebook
  assert layer.losses[0].dtype == 'float32'
  assert layer.decode(layer.encode(vectors(9))).dtype == dtype
  assert layer(keras.Input((4,))).dtype == dtype


def test_vectors_that_are_not_finite_are_counted():
  layer = layers.VectorQuantizerEMA(4, 6, name='codes')
  inputs = vectors(9).numpy()
  inputs[[1, 5], 0] = np.nan
  layer(inputs, training=True)
  assert np.isnan(layer.losses[0])
  assert float(layer.usage.result()['codes_not_finite']) == 2
  assert layer.usage.counts[0].numpy().sum() == 7
  assert np.isfinite(layer.weights[0]).all()


def test_a_batch_of_none(pair):
  layer, _ = pair
  for training in (True, False):
    assert layer(tf.zeros([0, 3, 4]), training=training).shape == (0, 3, 4)
    assert float(sum(layer.losses)) == 0
  assert layer.encode(tf.zeros([0, 4])).shape[0] == 0


def test_a_tensor_tells_whether_it_trains():
  layer, other = (
    LAYERS['VectorQuantizerEMA'][0](),
    layers.VectorQuantizerEMA(4, 6, 0.5, 0.9, estimator='rotation'),
  )
  other.set_weights(layer.get_weights())
  call = tf.function(lambda x, training: layer(x, training=training))
  for training in (False, True):
    outputs = call(vectors(9), tf.constant(training))
    np.testing.assert_allclose(outputs, other(vectors(9), training=training))
    # A graph adds in another order.
    np.testing.assert_allclose(
      layer.get_weights()[0], other.get_weights()[0], rtol=1e-5
    )


def test_set_embeddings():
  layer = layers.VectorQuantizerEMA(4, 6)
  table = np.arange(24.0).reshape(6, 4)
  layer.set_embeddings(table.T, counts=np.full([6], 3))
  np.testing.assert_array_equal(layer.get_weights()[0], table.T)
  layer(table[:1], training=True)
  np.testing.assert_allclose(layer.get_weights()[0], table.T, rtol=1e-4)


def test_every_prefix_of_residual_codes_decodes():
  layer = layers.ResidualQuantizer(
    [layers.VectorQuantizerEMA(4, 6) for _ in range(4)]
  )
  codes = layer.encode(vectors(9))
  np.testing.assert_array_equal(
    layer.decode(codes[:, :2]), layer.quantizer.decode(codes[:, :2])
  )


def as_floats(results):
  return {name: float(result) for name, result in results.items()}


def test_usage_by_hand():
  usage = layers.CodeUsage([4, 2], name='codes')
  usage.update_state(tf.constant([[0, 1], [0, 1]]))
  usage.update_state(tf.constant([[[1, 1], [1, 1]]]))
  # Two codes of four alike, one of two: 2 and 1 codes; 3 of 6 are in use.
  expected = {
    'codes_perplexity': 1.5,
    'codes_usage': 0.5,
    'codes_not_finite': 0,
  }
  # 1e-10 stands in the logarithm.
  assert as_floats(usage.result()) == pytest.approx(expected, abs=1e-6)
  usage.reset_state()
  usage.update_state(tf.constant([[3, 0], [2, 1]]), tf.constant([True, False]))
  finite = tf.constant([[True], [False], [False]])
  usage.update_state(tf.constant([[[3, 0]], [[0, 1]], [[0, 1]]]), None, finite)
  expected = {
    'codes_perplexity': 1.0,
    'codes_usage': 2 / 6,
    'codes_not_finite': 2,
  }
  assert as_floats(usage.result()) == pytest.approx(expected, abs=1e-6)
  copy = layers.CodeUsage.from_config(usage.get_config())
  assert copy.get_config() == usage.get_config()


def test_numbers_of_numpy_can_be_saved():
  policy = modules.CodebookPolicy(seed=np.int64(3))
  layer = layers.VectorQuantizerEMA(np.int64(4), np.int32(6), policy=policy)
  config = json.loads(json.dumps(layer.get_config()))
  assert (config['num_embeddings'], config['policy']['seed']) == (6, 3)
