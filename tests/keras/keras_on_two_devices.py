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


# A whole model, whose batches are uint8.
def made(policy):
  return layers.VQVAE(
    [8, 8, 1],
    quantizer=layers.VectorQuantizerEMA(4, 8, policy=policy),
    num_hiddens=8,
    num_residual_layers=1,
    num_residual_hiddens=4,
    num_halvings=1,
    num_mixtures=2,
  )


with strategy.scope():
  whole = made(CodebookPolicy('data', 'restart'))
  whole.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
  # Nothing in it is drawn in training.
  plain = made(CodebookPolicy())
x = np.random.default_rng(0).integers(0, 64, [32, 8, 8, 1], np.uint8)
history = whole.fit(x, batch_size=16, epochs=3, verbose=0).history
assert history['loss'][-1] < history['loss'][0], history
plain.save('start.keras')
alone = keras.saving.load_model('start.keras', compile=False)
losses = []
# Two steps of plain descent: with the gradient of one replica too many, or of
# one too few, the weights would be others.
for model in plain, alone:
  with model.distribute_strategy.scope():
    model.compile(keras.optimizers.SGD(0.5), jit_compile=False)
  fitted = model.fit(x, batch_size=16, shuffle=False, verbose=0).history
  losses.append(fitted['loss'][0])
np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
for ours, theirs in zip(plain.weights, alone.weights, strict=True):
  np.testing.assert_allclose(
    ours.numpy(), theirs.numpy(), rtol=1e-4, atol=1e-6, err_msg=ours.path
  )
found = whole.evaluate(x, batch_size=16, verbose=0, return_dict=True)
for weight in whole.weights:
  one, two = strategy.experimental_local_results(weight.value)
  np.testing.assert_array_equal(one, two, weight.path)
whole.save('whole.keras')
alone = keras.saving.load_model('whole.keras')
expected = alone.evaluate(x, verbose=0, return_dict=True)
for name, value in expected.items():
  np.testing.assert_allclose(found[name], value, rtol=1e-5, err_msg=name)
try:
  whole.fit(x[:17], batch_size=16, verbose=0)
except tf.errors.InvalidArgumentError as error:
  assert 'has no example: drop the remainder' in str(error), error
else:
  raise AssertionError('of the last batch one replica gets nothing')
