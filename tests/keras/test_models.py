"""Keras models that hold the layers: trained, compiled, saved and served."""

import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import CodebookPolicy
from vqvae_tf import keras as layers

SCRIPT = pathlib.Path(__file__).with_name('keras_on_two_devices.py')
RESTART = CodebookPolicy('kmeans++', 'restart', seed=3)
HISTORY = ['codes_not_finite', 'codes_perplexity', 'codes_usage', 'loss']
LAYERS = {
  'VectorQuantizerEMA': lambda: layers.VectorQuantizerEMA(4, 6),
  'LookupFreeQuantizer': lambda: layers.LookupFreeQuantizer(4, 0.5, 0.2),
  'ProductQuantizer': lambda: layers.ProductQuantizer(
    [layers.VectorQuantizer(1, 5), layers.FiniteScalarQuantizer([3, 3, 3])]
  ),
}


@pytest.fixture(autouse=True)
def seeded():
  keras.utils.set_random_seed(0)


def vectors(*shape):
  return tf.random.stateless_normal([*shape, 4], [5, sum(shape)])


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
    layer = LAYERS[name]()
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), layer])
    model.compile('sgd', 'mse', jit_compile=jit_compile)
    history = model.fit(inputs, inputs, 4, 2, verbose=0, shuffle=False).history
    histories.append([history[key] for key in sorted(history)])
    weights.append(model.get_weights())
  # XLA sums in another order.
  np.testing.assert_allclose(histories[0], histories[1], rtol=1e-4)
  for weight, other in zip(*weights, strict=True):
    np.testing.assert_allclose(weight, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('everywhere', [False, True])
def test_double_precision_fits(everywhere):
  dense = keras.layers.Dense(4, dtype='float64' if everywhere else None)
  layer = layers.VectorQuantizerEMA(4, 6, dtype='float64', name='codes')
  model = keras.Sequential([keras.Input((4,)), dense, layer])
  model.compile('adam', 'mse', jit_compile=False)
  inputs = np.random.default_rng(0).normal(size=[8, 4])
  history = model.fit(inputs, inputs, 4, verbose=0).history
  assert np.isfinite(history['loss']).all()
  assert layer.weights[0].dtype == 'float64'


@pytest.mark.parametrize('name', ['VectorQuantizerEMA', 'ProductQuantizer'])
@pytest.mark.parametrize('in_module', [False, True])
def test_a_saved_model_serves_it(name, in_module, tmp_path):
  layer = LAYERS[name]()
  model = keras.Sequential([keras.Input((3, 4)), layer])
  inputs = vectors(9, 3)
  expected = model(inputs)
  if in_module:
    saved = tf.Module()
    saved.model = model
    saved.serve = tf.function(
      lambda x: model(x, training=False),
      input_signature=[tf.TensorSpec([None, 3, 4])],
    )
    tf.saved_model.save(saved, str(tmp_path))
    served = tf.saved_model.load(str(tmp_path))
    outputs = served.serve(inputs)
  else:
    tf.saved_model.save(model, str(tmp_path))
    served = tf.saved_model.load(str(tmp_path))
    [outputs] = served.signatures['serving_default'](inputs).values()
  np.testing.assert_array_equal(outputs, expected)


def test_codes_of_a_functional_model(tmp_path):
  inputs = keras.Input((3, 4))
  layer = layers.ResidualQuantizer(
    [layers.VectorQuantizerEMA(4, 6), layers.VectorQuantizer(4, 6)],
    name='codes',
  )
  codes = layer.encode(inputs)
  assert (codes.shape, codes.dtype) == ((None, 3, 2), 'int32')
  decoded = layer.decode(codes)
  assert (decoded.shape, decoded.dtype) == ((None, 3, 4), 'float32')
  model = keras.Model(inputs, [layer(inputs), codes, decoded])
  model.compile('sgd', ['mse', None, None], jit_compile=False)
  data = vectors(9, 3).numpy()
  history = model.fit(data, [data, None, None], verbose=0).history
  assert 'codes_perplexity' in history
  outputs, own, restored = model.predict(data, verbose=0)
  np.testing.assert_array_equal(own, layer.encode(data))
  np.testing.assert_array_equal(restored, layer.decode(own))
  model.save(tmp_path / 'model.keras')
  loaded = keras.saving.load_model(tmp_path / 'model.keras')
  for a, b in zip(
    loaded.predict(data, verbose=0), (outputs, own, restored), strict=True
  ):
    np.testing.assert_array_equal(a, b)
  # One layer still: what moves its codebook moves that of its codes.
  assert len(loaded.weights) == len(model.weights) == len(layer.weights)
  twin = loaded.get_layer('codes')
  twin(data + 9, training=True)
  np.testing.assert_array_equal(
    loaded.predict(data, verbose=0)[1], twin.encode(data)
  )


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
