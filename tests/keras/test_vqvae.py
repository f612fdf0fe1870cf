"""`keras.VQVAE`: a whole model under compile, fit, evaluate, predict, save."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import vqvae_tf
from vqvae_tf import configs
from vqvae_tf.errors import UserError
from vqvae_tf.keras import VQVAE, CodePrior, VectorQuantizerEMA
from vqvae_tf.metrics.measure import measure

SMALL = {
  'num_hiddens': 8,
  'num_residual_layers': 1,
  'num_residual_hiddens': 4,
  'num_halvings': 1,
  'embedding_dim': 4,
  'num_embeddings': 16,
  'num_mixtures': 2,
}
ONES = np.ones(48)
FIGURES = (
  'bits_per_dim',
  'pixel_bits_per_dim',
  'code_bits_per_dim',
  'codes_in_use',
  'perplexity',
  'psnr_db',
)


@pytest.fixture(scope='module')
def images(digits):
  return digits['train'].fetch(tf.range(48, dtype=tf.int64))[0].numpy()


def made(**kwargs):
  keras.utils.set_random_seed(0)
  return VQVAE([8, 8, 1], **SMALL, **kwargs)


@pytest.fixture(scope='module')
def fitted(images, tmp_path_factory):
  """A model that was fitted with callbacks, its history and their folder."""
  folder = tmp_path_factory.mktemp('fitted')
  model = made()
  model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
  history = model.fit(
    images,
    batch_size=8,
    epochs=3,
    validation_data=(images[:11],),
    verbose=0,
    callbacks=[
      keras.callbacks.ModelCheckpoint(
        folder / 'best.keras', 'val_bits_per_dim', 0, True, mode='min'
      ),
      keras.callbacks.EarlyStopping('val_loss', patience=5),
      keras.callbacks.TensorBoard(folder / 'tensorboard'),
    ],
  )
  return model, history.history, folder


def test_fit_learns_and_reports(fitted):
  _, history, folder = fitted
  training = {'loss', *FIGURES[:-1]}
  assert set(history) == training | {f'val_{n}' for n in ('loss', *FIGURES)}
  assert history['loss'][-1] < history['loss'][0]
  assert history['val_bits_per_dim'][-1] < history['val_bits_per_dim'][0]
  # 16 codes of 4 bits for 64 pixels.
  assert history['code_bits_per_dim'] == [1.0] * 3
  assert list((folder / 'tensorboard').rglob('events*'))
  best = keras.saving.load_model(folder / 'best.keras')
  assert isinstance(best, VQVAE)


@pytest.mark.parametrize('batch_size', [7, 48])
def test_evaluate_is_what_the_commands_measure(fitted, images, batch_size):
  model, _, _ = fitted
  found = model.evaluate(
    images, batch_size=batch_size, verbose=0, return_dict=True
  )
  expected = measure(
    model.core.assess, [(images, None)], model.core.quantizer.codebook_sizes
  )._asdict()
  for name in FIGURES:
    # The sums are float64, the bits of an image float32.
    assert found[name] == pytest.approx(expected[name], rel=1e-6), name
  losses = model.core.losses(tf.constant(images), False)
  assert found['loss'] == pytest.approx(float(losses.loss), rel=1e-5)


def test_codes_and_reconstructions(fitted, images):
  model, _, _ = fitted
  codes = model.encode(images)
  assert (codes.shape, codes.dtype) == ((48, 4, 4, 1), np.int32)
  predicted = model.predict(images, verbose=0)
  assert predicted.dtype == np.uint8
  np.testing.assert_array_equal(predicted, model.decode(codes))
  np.testing.assert_array_equal(
    model.embed(codes), model.core.quantizer.decode(codes)
  )


def test_saved_and_loaded_it_goes_on(fitted, images, tmp_path):
  model, _, _ = fitted
  model.save(tmp_path / 'model.keras')
  loaded = keras.saving.load_model(tmp_path / 'model.keras')
  np.testing.assert_array_equal(loaded.encode(images), model.encode(images))
  assert loaded.optimizer.iterations == model.optimizer.iterations
  assert float(loaded.optimizer.learning_rate) == pytest.approx(3e-3)
  assert loaded.evaluate(images, verbose=0) == model.evaluate(images, verbose=0)
  loaded.fit(images, batch_size=24, verbose=0)


def test_exported_it_reconstructs(fitted, images, tmp_path):
  model, _, _ = fitted
  model.export(tmp_path / 'served', verbose=False)
  served = tf.saved_model.load(str(tmp_path / 'served'))
  np.testing.assert_array_equal(
    served.serve(images), model.predict(images, verbose=0)
  )


def test_a_preset_of_its_own(fitted, images, tmp_path):
  model, _, _ = fitted
  path = model.save_to_preset(tmp_path / 'preset.zip')
  codes = model.encode(images)
  np.testing.assert_array_equal(vqvae_tf.load(path).encode(images), codes)
  again = VQVAE.from_preset(path)
  np.testing.assert_array_equal(again.encode(images), codes)
  card = vqvae_tf.load(path)
  assert card.metrics == {} and card.config.example_shape == (8, 8, 1)


def test_from_a_run_and_from_its_export(trained, exported, images):
  expected = vqvae_tf.load(exported).encode(images)
  for model in (VQVAE.from_run(trained.path), VQVAE.from_export(exported)):
    np.testing.assert_array_equal(model.encode(images), expected)


def test_a_shipped_model_and_its_prior():
  model, prior = VQVAE.from_preset('mnist'), CodePrior.from_preset('mnist')
  drawn = vqvae_tf.load('mnist').sample(4, label=3).codes
  model.compile()
  prior.compile()
  found = model.evaluate(model.decode(drawn), verbose=0, return_dict=True)
  assert 10 < found['psnr_db'] < 60
  as_threes = prior.evaluate(drawn, np.full(4, 3), verbose=0)[-1]
  as_sevens = prior.evaluate(drawn, np.full(4, 7), verbose=0)[-1]
  assert as_threes < as_sevens < 10
  bits = prior.predict([drawn, np.full(4, 3)], verbose=0)
  assert bits.mean() == pytest.approx(as_threes, rel=1e-5)


def test_own_layers(images, tmp_path):
  keras.utils.set_random_seed(0)
  encoder = keras.Sequential(
    [keras.layers.Conv2D(6, 4, 2, 'same'), keras.layers.BatchNormalization()],
    name='mine',
  )
  decoder = keras.layers.Conv2DTranspose(5, 4, 2, 'same', activation='relu')
  quantizer = VectorQuantizerEMA(4, 16, name='codes')
  model = VQVAE(
    [8, 8, 1],
    encoder=encoder,
    quantizer=quantizer,
    decoder=decoder,
    likelihood='normal',
  )
  model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
  before = quantizer.get_weights()[0], encoder.get_weights()
  history = model.fit(images, batch_size=8, epochs=3, verbose=0).history
  assert history['loss'][-1] < history['loss'][0]
  assert set(history) == {'loss', *FIGURES[:-1]}
  assert (quantizer.get_weights()[0] != before[0]).any()
  # Moving averages too: it knew that it was trained.
  assert all(
    (a != b).any()
    for a, b in zip(encoder.get_weights(), before[1], strict=True)
  )
  model.save(tmp_path / 'own.keras')
  loaded = keras.saving.load_model(tmp_path / 'own.keras')
  np.testing.assert_array_equal(loaded.encode(images), model.encode(images))
  assert loaded.evaluate(images, verbose=0) == model.evaluate(images, verbose=0)
  with pytest.raises(UserError, match='layers of your own is saved by save'):
    model.save_to_preset(tmp_path / 'x')


def test_an_encoder_has_to_fit_the_presets_decoder():
  quarter = keras.layers.Conv2D(6, 4, 4)
  with pytest.raises(ValueError, match=r'of \(2, 2\), but .* \(4, 4\): give'):
    VQVAE([8, 8, 1], encoder=quarter, **SMALL)
  model = VQVAE([8, 8, 1], encoder=quarter, **{**SMALL, 'num_halvings': 2})
  assert model.encode(np.zeros([1, 8, 8, 1], np.uint8)).shape == (1, 2, 2, 1)


def test_a_frozen_quantizer_stays(images):
  model = made()
  model.quantizer.trainable = False
  model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
  before = [w.numpy() for w in model.quantizer.weights]
  model.fit(images, batch_size=24, verbose=0)
  for weight, old in zip(model.quantizer.weights, before, strict=True):
    np.testing.assert_array_equal(weight, old)


@pytest.mark.parametrize(
  'dtype', ['float32', 'mixed_bfloat16', 'mixed_float16']
)
def test_compiled_by_xla_in_each_precision(dtype, images):
  model = made(dtype=dtype)
  assert model.config.optimizer.precision == dtype
  model.compile(keras.optimizers.Adam(3e-3), jit_compile=True)
  data = tf.data.Dataset.from_tensor_slices((images, np.zeros(48)))
  history = model.fit(data.batch(8), epochs=3, verbose=0).history
  assert history['loss'][-1] < history['loss'][0]
  assert {w.dtype for w in model.core.trainable_variables} == {tf.float32}


def test_an_autoregressive_decoder(images):
  model = made(decoder='autoregressive', causal_hiddens=4, causal_layers=1)
  model.compile(jit_compile=False)
  found = model.evaluate(images, verbose=0, return_dict=True)
  # Its reconstructions are samples: there is nothing to compare.
  assert set(found) == {'loss', *FIGURES[:-1]}
  assert model.predict(images[:2], verbose=0).shape == (2, 8, 8, 1)


def test_the_summary_names_parts_and_shapes(capsys):
  made().summary(line_length=80)
  text = capsys.readouterr().out
  for row in ('encoder (Part)', 'pre_quantization', '(None, 4, 4, 4)'):
    assert row in text
  assert '?' not in text


@pytest.mark.parametrize(
  'call, error, message',
  [
    (lambda m, x: m.fit(x / 255), ValueError, 'must be uint8'),
    (
      lambda m, x: m.fit(x, x, sample_weight=x[:, 0, 0, 0]),
      ValueError,
      'no samp',
    ),
    (lambda m, x: m.compile(loss='mse'), ValueError, 'leave loss and metrics'),
    (lambda m, x: made(dtype='float64'), ValueError, "Keras's policy"),
    (lambda m, x: VQVAE([8, 8, 1], 'mnits'), UserError, "mean 'mnist'"),
    (lambda m, x: VQVAE([8, 8, 1], hiddens=1), UserError, "'num_hiddens'"),
    (lambda m, x: VQVAE([3, 3, 1], num_halvings=9), ValueError, 'halved'),
  ],
)
def test_bad_input_is_named(call, error, message, images):
  model = made()
  model.compile(jit_compile=False)
  with pytest.raises(error, match=message):
    call(model, images)


def test_a_prior_learns_codes(tmp_path):
  keras.utils.set_random_seed(0)
  rng = np.random.default_rng(0)
  labels = rng.integers(3, size=64)
  # The class tells the first code, and the first code the others.
  codes = np.tile(labels[:, None, None, None], [1, 2, 2, 2]).astype(np.int32)
  prior = CodePrior([2, 2, 2], [3, 4], 3, num_hiddens=8, num_layers=1)
  prior.compile(keras.optimizers.Adam(3e-2))
  history = prior.fit(codes, labels, batch_size=16, epochs=12, verbose=0)
  bits = history.history['bits_per_code']
  assert bits[-1] < 0.5 < bits[0]
  drawn = prior.sample(8, label=1)
  assert (drawn.shape, drawn.dtype) == ((8, 2, 2, 2), np.int32)
  assert (drawn == 1).mean() > 0.8
  prior.save(tmp_path / 'prior.keras')
  loaded = keras.saving.load_model(tmp_path / 'prior.keras')
  figures = prior.evaluate(codes, labels, verbose=0, return_dict=True)
  assert loaded.evaluate(codes, labels, verbose=0, return_dict=True) == figures
  expected = prior.core.nats(codes, labels).numpy().mean() / np.log(2)
  assert figures['bits_per_code'] == pytest.approx(expected, rel=1e-6)
  with pytest.raises(ValueError, match='3 classes: give labels'):
    prior.evaluate(codes, verbose=0)


def test_configurations_do_not_change():
  config = configs.observed(configs.Config(), (8, 8, 1), ('a', 'b'))
  model = VQVAE([8, 8, 1], config, **SMALL)
  again = VQVAE.from_config(model.get_config())
  assert again.config == model.config
  assert again.config.class_names == ('a', 'b')


def test_a_prior_refuses_what_does_not_fit(trained):
  with pytest.raises(ValueError, match='have 1 codebooks, but codebook_sizes'):
    CodePrior([2, 2, 1], [3, 3])
  with pytest.raises(ValueError, match='one class says nothing'):
    CodePrior([2, 2, 1], [3], 1)
  with pytest.raises(
    UserError, match='no prior that can be made anew: train one'
  ):
    CodePrior.from_run(trained.path)
