"""Fits a Keras model on two logical CPUs; a test's subprocess."""

import keras
import numpy as np
import tensorflow as tf

from vqvae_tf import CodebookPolicy
from vqvae_tf import keras as layers

cpu = tf.config.list_physical_devices('CPU')[0]
tf.config.set_logical_device_configuration(
  cpu, [tf.config.LogicalDeviceConfiguration()] * 2
)
strategy = tf.distribute.MirroredStrategy(['CPU:0', 'CPU:1'])
keras.utils.set_random_seed(0)
# Stages that assign to a trained codebook, and in a branch.
with strategy.scope():
  layer = layers.ResidualQuantizer(
    [
      layers.VectorQuantizer(4, 5, policy=CodebookPolicy('data', 'restart')),
      layers.VectorQuantizerEMA(4, 6, accumulation_steps=2),
    ],
    name='codes',
  )
  model = keras.Sequential([keras.Input((3, 4)), keras.layers.Dense(4), layer])
  model.compile('sgd', 'mse', jit_compile=False)
before = layer.get_weights()
# Of the last batch one replica gets nothing.
x = np.random.default_rng(0).normal(size=[33, 3, 4]).astype(np.float32)
history = model.fit(
  x, x, 16, epochs=2, verbose=0, validation_data=(x, x)
).history
assert history['loss'][1] < history['loss'][0], history
assert np.isfinite(history['val_loss']).all(), history
assert history['codes_not_finite'] == [0.0] * 2, history
# Both replicas' codes: 33 examples of 3.
assert [c.numpy().sum() for c in layer.usage.counts] == [99.0] * 2
for weight, old in zip(layer.weights, before, strict=True):
  one, two = strategy.experimental_local_results(weight.value)
  np.testing.assert_array_equal(one, two, weight.path)
  if 'embeddings' in weight.path:
    assert np.any(one.numpy() != old), weight.path
model.save('model.keras')
loaded = keras.saving.load_model('model.keras')
np.testing.assert_array_equal(loaded(x), model(x))
