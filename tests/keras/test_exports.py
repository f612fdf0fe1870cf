"""`keras.Model.export` of a model with a quantizer, run by each runtime."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import vqvae_tf.keras

_ROUNDING = 1e-5


@pytest.fixture(scope='module')
def model():
  keras.utils.set_random_seed(0)
  inputs = keras.Input([8, 8, 3])
  hidden = keras.layers.Conv2D(4, 3, 2, 'same')(inputs)
  layer = vqvae_tf.keras.VectorQuantizerEMA(4, 16, name='codes')
  outputs = keras.layers.Conv2DTranspose(3, 3, 2, 'same')(layer(hidden))
  model = keras.Model(inputs, outputs)
  model.compile('adam', 'mse')
  images = _images(64)
  model.fit(images, images, verbose=0)
  return model


def _images(count):
  return np.random.default_rng(0).random((count, 8, 8, 3), np.float32)


def _saved_model(path):
  loaded = tf.saved_model.load(path)
  return lambda images: loaded.serve(images).numpy()


def _onnx(path):
  import onnxruntime

  session = onnxruntime.InferenceSession(path)
  [name] = [each.name for each in session.get_inputs()]
  return lambda images: session.run(None, {name: images})[0]


def _litert(path):
  from ai_edge_litert.interpreter import Interpreter

  runner = Interpreter(path).get_signature_runner()
  [name] = runner.get_input_details()
  return lambda images: next(iter(runner(**{name: images}).values()))


@pytest.mark.parametrize(
  'kind, ending, libraries, run',
  [
    ('tf_saved_model', '', [], _saved_model),
    ('onnx', '.onnx', ['tf2onnx', 'onnxruntime'], _onnx),
    ('litert', '.tflite', ['ai_edge_litert'], _litert),
  ],
)
def test_export(model, tmp_path, kind, ending, libraries, run):
  for library in libraries:
    pytest.importorskip(library)
  path = str(tmp_path / f'model{ending}')
  try:
    model.export(path, format=kind, verbose=False)
  except ValueError as error:
    # An early Keras does not know all.
    if 'format' in str(error).lower() and kind in str(error):
      pytest.skip(str(error))
    raise
  exported = run(path)
  for size in (1, 7, 43):
    images = _images(size)
    np.testing.assert_allclose(
      exported(images), model.predict(images, verbose=0), atol=_ROUNDING
    )
