"""The Keras layers; a new one joins `LAYERS` beside the module it holds."""

import importlib
import inspect
import json
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import keras as layers
from vqvae_tf import quantizers as modules
from vqvae_tf.keras import layer as layer_module

SCRIPT = pathlib.Path(__file__).with_name('keras_on_two_devices.py')
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
HISTORY = ['codes_perplexity', 'codes_usage', 'loss']


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
  assert layer.weights[0].dtype == layer.losses[0].dtype == codebook
  assert layer.decode(layer.encode(vectors(9))).dtype == dtype
  assert layer(keras.Input((4,))).dtype == dtype


def as_floats(results):
  return {name: float(result) for name, result in results.items()}


def test_usage_by_hand():
  usage = layers.CodeUsage([4, 2], name='codes')
  usage.update_state(tf.constant([[0, 1], [0, 1]]))
  usage.update_state(tf.constant([[[1, 1], [1, 1]]]))
  # Two codes of four alike, one of two: 2 and 1 codes; 3 of 6 are in use.
  expected = {'codes_perplexity': 1.5, 'codes_usage': 0.5}
  # 1e-10 stands in the logarithm.
  assert as_floats(usage.result()) == pytest.approx(expected, abs=1e-6)
  usage.reset_state()
  usage.update_state(tf.constant([[3, 0], [2, 1]]), tf.constant([True, False]))
  expected = {'codes_perplexity': 1.0, 'codes_usage': 2 / 6}
  assert as_floats(usage.result()) == pytest.approx(expected, abs=1e-6)
  copy = layers.CodeUsage.from_config(usage.get_config())
  assert copy.get_config() == usage.get_config()


def test_an_autoencoder_learns_by_fit():
  """Strokes at three places, through one code for each quarter."""
  images = np.zeros([48, 8, 8, 1], np.float32)
  for i, image in enumerate(images):
    image[:, 2 * (i % 3) + 1] = 1.0
  layer = layers.VectorQuantizerEMA(
    4, 8, decay=0.8, policy=RESTART, name='codes'
  )
  model = keras.Sequential(
    [
      keras.Input((8, 8, 1)),
      keras.layers.Conv2D(4, 4, 4),
      layer,
      keras.layers.Conv2DTranspose(1, 4, 4),
    ]
  )
  model.compile(keras.optimizers.Adam(0.02), 'mse', jit_compile=False)
  before = layer.get_weights()[0]
  history = model.fit(
    images, images, 16, epochs=12, validation_split=1 / 3, verbose=0
  ).history
  assert sorted(history) == sorted([*HISTORY, *(f'val_{n}' for n in HISTORY)])
  assert history['loss'][-1] < 0.5 * history['loss'][0]
  assert history['val_loss'][-1] < 0.5 * history['val_loss'][0]
  assert 1.5 < history['codes_perplexity'][-1] <= 8
  assert history['codes_usage'][-1] * 8 == pytest.approx(
    round(history['codes_usage'][-1] * 8)
  )
  assert np.abs(layer.get_weights()[0] - before).max() > 0.1
  # Validation was last: 16 images of 2x2 codes.
  assert layer.usage.counts[0].numpy().sum() == 64


@pytest.mark.parametrize('name', ['VectorQuantizerEMA', 'LookupFreeQuantizer'])
def test_compiled_by_xla_it_trains_alike(name):
  inputs = vectors(8).numpy()
  weights, histories = [], []
  for jit_compile in (False, True):
    keras.utils.set_random_seed(0)
    layer = LAYERS[name][0]()
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), layer])
    model.compile('sgd', 'mse', jit_compile=jit_compile)
    history = model.fit(inputs, inputs, 4, 2, verbose=0, shuffle=False).history
    histories.append([history[key] for key in sorted(history)])
    weights.append(model.get_weights())
  # XLA sums in another order.
  np.testing.assert_allclose(histories[0], histories[1], rtol=1e-4)
  for weight, other in zip(*weights, strict=True):
    np.testing.assert_allclose(weight, other, rtol=1e-4, atol=1e-6)


def test_replicas_share_a_codebook(environment, tmp_path):
  done = subprocess.run(
    [sys.executable, str(SCRIPT)],
    cwd=tmp_path,
    env=environment,
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
  'mistake, message',
  [
    (lambda layer: layer(np.zeros([2, 5])), 'have value 4, but received'),
    (lambda layer: layer(keras.Input((3, 5))), 'have value 4, but received'),
    (lambda layer: layer(np.zeros([4])), 'expected min_ndim=2, found ndim=1'),
    (lambda layer: layer(tf.zeros([2, 4], tf.int32)), 'are int32: it quant'),
    (
      lambda _: layers.VectorQuantizer(4, 6, estimator='copy'),
      "one of straight_through, rotation, not 'copy'",
    ),
    (
      lambda _: layers.VectorQuantizer(4, 6, policy={'unused_codes': 'sell'}),
      "unused_codes must be one of .*, not 'sell'",
    ),
    (
      lambda _: layers.ProductQuantizer([keras.layers.Dense(3)]),
      'must be layers of vqvae_tf.keras, not <Dense',
    ),
    (
      lambda layer: layers.ResidualQuantizer([layer, layer]),
      'one layer twice: make one for each place',
    ),
    (
      lambda _: layers.CosineQuantizer(4, 6, dtype='float64'),
      "float32: give it dtype='float32'",
    ),
  ],
)
def test_mistakes(mistake, message):
  with pytest.raises(ValueError, match=message):
    mistake(layers.VectorQuantizerEMA(4, 6))


def test_another_backend_is_refused(monkeypatch):
  monkeypatch.setattr(keras.backend, 'backend', lambda: 'jax')
  with pytest.raises(ImportError, match='runs on jax: set KERAS_BACKEND=tens'):
    importlib.reload(layer_module)
