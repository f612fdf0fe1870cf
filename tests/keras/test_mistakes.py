"""What a user of the Keras layers can do wrong."""

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import keras as layers
from vqvae_tf.keras import backend


@pytest.mark.parametrize(
  'mistake, message',
  [
    (lambda layer: layer(np.zeros([2, 5])), 'dimension 5, but .* is 4'),
    (lambda layer: layer(keras.Input((3, 5))), 'dimension 5, but .* is 4'),
    (
      lambda layer: layer.decode(keras.Input((3, 2), dtype='int32')),
      'must end in 1, the number of codebooks',
    ),
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
      lambda layer: layer(
        tf.ragged.constant([[[1.0] * 4], []], inner_shape=(4,))
      ),
      r'ragged: give inputs.to_tensor\(\), and .*sequence_mask',
    ),
    (
      lambda layer: layer(
        np.zeros([2, 1, 4]), mask=tf.ragged.constant([[True], []])
      ),
      r'weights are ragged: give weights.to_tensor',
    ),
    (
      lambda layer: layer.encode(np.full([2, 4], np.nan)),
      'not finite have no code: 2 of 2',
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


def test_a_policy_is_no_word():
  with pytest.raises(TypeError, match=r"such as CodebookPolicy.*, not 'keep'"):
    layers.VectorQuantizer(4, 6, policy='keep')


def test_legacy_keras_gets_a_hint(monkeypatch):
  monkeypatch.setenv('TF_USE_LEGACY_KERAS', '1')
  with pytest.warns(UserWarning, match='make models by `import keras`'):
    importlib.reload(backend)


def test_another_backend_is_refused(monkeypatch):
  monkeypatch.setattr(keras.backend, 'backend', lambda: 'jax')
  with pytest.raises(ImportError, match='runs on jax: set KERAS_BACKEND=tens'):
    importlib.reload(backend)
