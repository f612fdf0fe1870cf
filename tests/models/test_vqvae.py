import math

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import likelihoods, quantizers
from vqvae_tf.models import VQVAE
from vqvae_tf.nets import Decoder, Encoder

SMALL = (8, 1, 4)
D, K = 4, 8
COMMITMENT = 0.25


def batch(size=3, shape=(8, 8, 1)):
  return np.random.default_rng(1).integers(0, 256, [size, *shape], np.uint8)


def make(quantizer='ema', likelihood=None, decoder=None, weight=1.0):
  """A model of 8x8 images with 4x4 codes."""
  tf.random.set_seed(0)
  likelihood = likelihood or likelihoods.Normal(1, scale=0.2)
  if quantizer == 'ema':
    bottleneck = quantizers.VectorQuantizerEMA(D, K, COMMITMENT, 0.9)
  else:
    bottleneck = quantizers.VectorQuantizer(D, K, COMMITMENT)
  if decoder is None:
    decoder = Decoder(likelihood.num_params, (8, 8), *SMALL, 1)
  return VQVAE(Encoder(*SMALL, 1), bottleneck, decoder, likelihood, weight)


def uniform(weight=1.0):
  """A model whose decoder says that all 256 values are equally likely."""

  def decoder(embeddings):
    return tf.zeros([tf.shape(embeddings)[0], 8, 8, 256])

  return make(
    likelihood=likelihoods.Categorical(1), decoder=decoder, weight=weight
  )


@pytest.fixture(scope='module')
def model():
  return make()


@pytest.fixture(scope='module', params=['ema', 'gradient'])
def trained(request):
  """A model after one step, so that its variables exist, per quantizer."""
  result = make(request.param)
  result.losses(batch(), is_training=False)
  return result


def features(model, images):
  return model.projection(model.encoder(model.likelihood.to_float(images)))


@pytest.mark.parametrize('weight', [1.0, 0.3])
def test_losses_by_hand(weight):
  model = uniform(weight)
  losses = model.losses(batch(), is_training=False)
  z = features(model, batch()).numpy().astype(np.float64)
  codebook = model.quantizer.embeddings.numpy().T.astype(np.float64)
  distances = ((z[..., np.newaxis, :] - codebook) ** 2).sum(-1)
  commitment = COMMITMENT * distances.min(-1).mean() / D
  assert losses.nats.shape == (3,)
  # All tolerances: a few roundings of float32.
  np.testing.assert_allclose(losses.nats, 64 * math.log(256), rtol=1e-6)
  np.testing.assert_allclose(losses.quantizer_loss, commitment, rtol=1e-5)
  np.testing.assert_allclose(
    losses.loss, math.log(256) + weight * commitment, rtol=1e-6
  )
  np.testing.assert_array_equal(losses.codes[..., 0], distances.argmin(-1))


def test_loss_is_nats_per_dimension_and_the_quantizers_loss(trained):
  losses = trained.losses(batch(), is_training=False)
  quantized = trained.quantizer.forward(features(trained, batch()), False)
  params = trained.decoder(quantized.vectors)
  nats = -trained.likelihood.log_prob(params, batch())
  # XLA computes in another order.
  np.testing.assert_allclose(losses.nats, nats, rtol=1e-5)
  np.testing.assert_allclose(losses.quantizer_loss, quantized.loss, rtol=1e-5)
  np.testing.assert_allclose(
    losses.loss, tf.reduce_mean(nats) / 64 + quantized.loss, rtol=1e-5
  )
  np.testing.assert_array_equal(losses.codes, quantized.codes)


def test_uniform_decoder_costs_eight_bits_per_dim_and_the_codes():
  result = uniform().assess(batch())
  # 64 float32 terms of ln 256; the code bits are 4 * 4 * log2(8), exact.
  np.testing.assert_allclose(result.pixel_bits, [8 * 64] * 3, rtol=1e-6)
  np.testing.assert_array_equal(result.code_bits, [48] * 3)


def test_encode_and_decode(model):
  codes = model.encode(batch())
  assert codes.dtype == tf.int32
  assert codes.shape == (3, 4, 4, 1)
  assert 0 <= codes.numpy().min() and codes.numpy().max() < K
  decoded = model.decode(codes)
  assert decoded.dtype == tf.uint8
  assert decoded.shape == (3, 8, 8, 1)
  embeddings = model.embed(codes)
  assert embeddings.dtype == tf.float32
  assert embeddings.shape == (3, 4, 4, D)
  np.testing.assert_array_equal(
    embeddings, model.quantizer.embeddings.numpy().T[codes[..., 0]]
  )


@pytest.mark.parametrize(
  'likelihood',
  [
    likelihoods.Normal(3),
    likelihoods.LogisticMixture(3, 2),
    likelihoods.Categorical(3),
    likelihoods.Bernoulli(3),
  ],
  ids=lambda likelihood: likelihood.name,
)
def test_decode_never_sees_the_image(likelihood):
  model = make(likelihood=likelihood)
  images = batch(2, (8, 8, 3))
  result = model.assess(images)
  codes = model.encode(images)
  model.encoder = model.projection = None
  np.testing.assert_array_equal(result.codes, codes)
  np.testing.assert_array_equal(result.reconstructions, model.decode(codes))
  if isinstance(likelihood, likelihoods.Bernoulli):
    assert set(np.unique(result.reconstructions)) <= {0, 255}


def test_assessment_agrees_with_losses(model):
  losses = model.losses(batch(), is_training=False)
  result = model.assess(batch())
  assert result.pixel_bits.shape == result.code_bits.shape == (3,)
  # XLA computes in another order.
  np.testing.assert_allclose(
    result.pixel_bits, losses.nats / math.log(2), rtol=1e-5
  )
  np.testing.assert_array_equal(result.codes, losses.codes)


def gradients_of(model, target):
  with tf.GradientTape(persistent=True) as tape:
    tape.watch(model.quantizer.embeddings)
    losses = model.losses(batch(), is_training=False)
    value = tf.reduce_sum(getattr(losses, target))

  def is_moved(variable):
    gradient = tape.gradient(value, variable)
    return gradient is not None and bool(tf.reduce_any(gradient != 0))

  return {
    'encoder': any(map(is_moved, model.encoder.trainable_variables)),
    'projection': is_moved(model.projection.w),
    'codebook': is_moved(model.quantizer.embeddings),
    'decoder': any(map(is_moved, model.decoder.trainable_variables)),
  }


def test_pixels_teach_everything_but_the_codebook(trained):
  assert gradients_of(trained, 'nats') == {
    'encoder': True,
    'projection': True,
    'codebook': False,
    'decoder': True,
  }


def test_quantizer_loss_teaches_the_encoder_and_a_gradient_codebook(trained):
  by_gradient = isinstance(trained.quantizer, quantizers.VectorQuantizer)
  assert gradients_of(trained, 'quantizer_loss') == {
    'encoder': True,
    'projection': True,
    'codebook': by_gradient,
    'decoder': False,
  }


def test_weights_are_what_is_trained_beside_the_codebook(trained):
  book = trained.quantizer.embeddings
  expected = [v for v in trained.trainable_variables if v is not book]
  assert [id(v) for v in trained.weights] == [id(v) for v in expected]
  kernels = [v for v in trained.weights if v.shape.rank == 4]
  assert [id(v) for v in trained.matrices] == [id(v) for v in kernels]
  assert 0 < len(kernels) < len(expected)


def test_training_counts_the_codes_of_its_quantizer(trained):
  assert trained.counted_codebooks == (K,)
  losses = trained.losses(batch(), is_training=False)
  assert {*trained.statistics, 'codes'} == set(losses._fields)


def test_codebook_of_averages_is_not_trainable(trained):
  names = {variable.name for variable in trained.trainable_variables}
  embeddings = trained.quantizer.embeddings.name
  by_gradient = isinstance(trained.quantizer, quantizers.VectorQuantizer)
  assert (embeddings in names) == by_gradient


@pytest.mark.parametrize('dtype', [tf.float16, tf.bfloat16])
def test_losses_in_16_bits(model, dtype):
  low = VQVAE(
    model.encoder,
    model.quantizer,
    model.decoder,
    model.likelihood,
    compute_dtype=dtype,
  )
  low.projection = model.projection
  exact = model.losses(batch(), is_training=False)
  with tf.GradientTape() as tape:
    losses = low.losses(batch(), is_training=False)
  assert {losses.loss.dtype, losses.nats.dtype} == {tf.float32}
  # 8 significant bits, and a code here and there that is another.
  np.testing.assert_allclose(losses.nats, exact.nats, rtol=0.05)
  assert not np.array_equal(losses.nats, exact.nats)
  gradients = tape.gradient(losses.loss, low.trainable_variables)
  assert {gradient.dtype for gradient in gradients} == {tf.float32}
  # Everything else stays as it was.
  for ours, theirs in zip(
    low.assess(batch()), model.assess(batch()), strict=True
  ):
    np.testing.assert_array_equal(ours, theirs)


def test_only_training_moves_the_averages():
  model = make()
  model.losses(batch(), is_training=False)
  before = [v.numpy() for v in model.variables]
  model.losses(batch(), is_training=False)
  model.assess(batch())
  for variable, value in zip(model.variables, before, strict=True):
    np.testing.assert_array_equal(variable, value)
  codebook = model.quantizer.embeddings.numpy()
  model.losses(batch(), is_training=True)
  assert not np.array_equal(model.quantizer.embeddings, codebook)


def test_unknown_batch_size(model):
  images = tf.TensorSpec([None, 8, 8, 1], tf.uint8)
  codes = tf.TensorSpec([None, 4, 4, 1], tf.int32)
  encode = tf.function(model.encode, input_signature=[images])
  decode = tf.function(model.decode, input_signature=[codes])
  assess = tf.function(model.assess, input_signature=[images])
  losses = tf.function(
    lambda x: model.losses(x, is_training=False), input_signature=[images]
  )
  assert encode.get_concrete_function().output_shapes == [None, 4, 4, 1]
  assert decode.get_concrete_function().output_shapes == [None, 8, 8, 1]
  for size in (1, 3):
    expected = model.assess(batch(size))
    np.testing.assert_array_equal(encode(batch(size)), expected.codes)
    np.testing.assert_array_equal(
      decode(expected.codes), expected.reconstructions
    )
    for name, value in assess(batch(size))._asdict().items():
      # Of floats a graph fuses some operations.
      np.testing.assert_allclose(value, getattr(expected, name), rtol=1e-5)
    assert losses(batch(size)).nats.shape == (size,)


@pytest.mark.parametrize('method', ['encode', 'assess', 'losses'])
def test_images_of_another_kind_are_refused(model, method):
  function = getattr(model, method)
  arguments = [False] if method == 'losses' else []
  with pytest.raises(ValueError, match='must be uint8 .* not float32'):
    function(tf.zeros([1, 8, 8, 1]), *arguments)
  with pytest.raises(ValueError, match=r'must be \[B, ..., C\] of rank 3'):
    function(tf.zeros([8, 1], tf.uint8), *arguments)
  with pytest.raises(ValueError, match=r'2 sides: .* not \(8, 8, 1\)'):
    function(tf.zeros([8, 8, 1], tf.uint8), *arguments)


def test_images_of_another_size_are_refused(model):
  with pytest.raises(ValueError, match=r'grid of \(4, 4\) .* not \(5, 4\)'):
    model.losses(batch(shape=(10, 8, 1)), is_training=False)


@pytest.mark.parametrize('code', [-1, K])
@pytest.mark.parametrize('graph', [False, True])
def test_codes_out_of_range_are_refused(model, code, graph):
  decode = tf.function(model.decode) if graph else model.decode
  with pytest.raises(
    tf.errors.InvalidArgumentError, match=r'out of range.* 0\.\.7'
  ):
    decode(tf.fill([1, 4, 4, 1], code))


def test_codes_of_another_kind_are_refused(model):
  with pytest.raises(ValueError, match='must be integers, not float32'):
    model.decode(tf.zeros([1, 4, 4, 1]))
  with pytest.raises(ValueError, match='the number of codebooks'):
    model.decode(tf.zeros([1, 4, 4, 2], tf.int32))
