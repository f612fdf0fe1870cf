"""Laws that every likelihood obeys, for every family in one table."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from vqvae_tf import likelihoods

FAMILIES = {
  'Normal': likelihoods.Normal,
  'Normal fixed': lambda channels: likelihoods.Normal(channels, scale=0.03),
  'LogisticMixture': lambda channels: likelihoods.LogisticMixture(channels, 3),
  'Categorical': likelihoods.Categorical,
  'Bernoulli': likelihoods.Bernoulli,
}


@pytest.fixture(params=FAMILIES)
def family(request):
  return FAMILIES[request.param]


def random_params(likelihood, shape, spread=1.0, seed=0):
  rng = np.random.default_rng(seed)
  params = spread * rng.standard_normal([*shape, likelihood.num_params])
  return tf.constant(params, tf.float32)


def random_images(likelihood, shape, seed=0):
  rng = np.random.default_rng(seed)
  images = rng.integers(0, 256, [*shape, likelihood.channels], np.uint8)
  if isinstance(likelihood, likelihoods.Bernoulli):
    images = np.where(images < 128, 0, 255).astype(np.uint8)
  return tf.constant(images)


def all_pixels(channels):
  values = [np.arange(256, dtype=np.uint8)] * channels
  grid = np.stack(np.meshgrid(*values, indexing='ij'), axis=-1)
  return tf.constant(grid.reshape(-1, 1, 1, channels))


def value_and_gradient(likelihood, params, images):
  with tf.GradientTape() as tape:
    tape.watch(params)
    log_prob = likelihood.log_prob(params, images)
    target = tf.reduce_sum(log_prob)
  variables = list(likelihood.trainable_variables)
  return log_prob, tape.gradient(target, [params, *variables])


def test_no_family_is_forgotten():
  tested = {type(make(1)) for make in FAMILIES.values()}
  public = {getattr(likelihoods, name) for name in likelihoods.__all__}
  # It has no mean; its laws are in `test_autoregressive.py`.
  others = {likelihoods.Likelihood, likelihoods.Autoregressive}
  assert tested == public - others


@pytest.mark.parametrize('spread', [0.0, 0.3, 3.0, 30.0])
def test_grey_masses_sum_to_one(family, spread):
  likelihood = family(1)
  pixels = all_pixels(1)
  for seed in range(5):
    params = random_params(likelihood, [1, 1, 1], spread, seed)
    log_prob = likelihood.log_prob(tf.repeat(params, 256, axis=0), pixels)
    # 256 float32 masses, each within about 1e-6 of the truth.
    np.testing.assert_allclose(
      np.exp(log_prob.numpy().astype(np.float64)).sum(), 1.0, atol=3e-6
    )


@pytest.mark.parametrize('spread', [0.3, 3.0])
def test_two_channel_masses_sum_to_one(family, spread):
  likelihood = family(2)
  pixels = all_pixels(2)
  params = random_params(likelihood, [1, 1, 1], spread)
  log_prob = likelihood.log_prob(tf.repeat(params, len(pixels), axis=0), pixels)
  np.testing.assert_allclose(
    np.exp(log_prob.numpy().astype(np.float64)).sum(), 1.0, atol=3e-6
  )


@pytest.mark.parametrize('channels', [1, 3])
def test_shapes_and_dtypes(family, channels):
  likelihood = family(channels)
  params = random_params(likelihood, [2, 4, 5])
  log_prob = likelihood.log_prob(params, random_images(likelihood, [2, 4, 5]))
  assert log_prob.shape == [2] and log_prob.dtype == tf.float32
  for images in likelihood.mean(params), likelihood.sample(params, [1, 2]):
    assert images.shape == [2, 4, 5, channels] and images.dtype == tf.uint8


def test_pixels_add_up(family):
  likelihood = family(3)
  params = random_params(likelihood, [1, 2, 3])
  images = random_images(likelihood, [1, 2, 3])
  parts = likelihood.log_prob(
    tf.reshape(params, [6, 1, 1, -1]), tf.reshape(images, [6, 1, 1, 3])
  )
  # The same float32 terms in another order of summation.
  np.testing.assert_allclose(
    likelihood.log_prob(params, images)[0], tf.reduce_sum(parts), rtol=1e-5
  )


@pytest.mark.parametrize('channels', [1, 3])
def test_map_of_pixels(family, channels):
  likelihood = family(channels)
  params = random_params(likelihood, [2, 2, 3])
  images = random_images(likelihood, [2, 2, 3])
  found = likelihood.log_prob_map(params, images)
  each = likelihood.log_prob(
    tf.reshape(params, [12, 1, 1, -1]), tf.reshape(images, [12, 1, 1, -1])
  )
  assert found.shape == [2, 2, 3]
  # The same float32 terms, vectorized otherwise.
  np.testing.assert_allclose(found, tf.reshape(each, [2, 2, 3]), rtol=1e-5)


@pytest.mark.parametrize('sides', [(12,), (2, 3, 2)])
@pytest.mark.parametrize('channels', [1, 3])
def test_an_example_of_any_rank_is_its_pixels(family, channels, sides):
  """A sound or a clip has the numbers of an image of the same pixels."""
  likelihood = family(channels)
  params = random_params(likelihood, [2, 3, 4])
  images = random_images(likelihood, [2, 3, 4])
  ours = tf.reshape(params, [2, *sides, likelihood.num_params])
  examples = tf.reshape(images, [2, *sides, channels])
  # The same float32 terms in another order of summation.
  np.testing.assert_allclose(
    likelihood.log_prob(ours, examples),
    likelihood.log_prob(params, images),
    rtol=1e-6,
  )
  found = likelihood.log_prob_map(ours, examples)
  assert found.shape == [2, *sides]
  # The same float32 terms, vectorized otherwise.
  np.testing.assert_allclose(
    tf.reshape(found, [2, 3, 4]),
    likelihood.log_prob_map(params, images),
    rtol=1e-5,
  )
  for draw in likelihood.mean, lambda p: likelihood.sample(p, [1, 2]):
    assert draw(ours).shape == [2, *sides, channels]
    np.testing.assert_array_equal(
      tf.reshape(draw(ours), [2, 3, 4, channels]), draw(params)
    )


@pytest.mark.parametrize('spread', [1.0, 1e2, 1e4])
def test_finite_everywhere(family, spread):
  likelihood = family(3)
  shape = [4, 8, 8]
  params = random_params(likelihood, shape, spread)
  images = random_images(likelihood, shape).numpy()
  images[0], images[1] = 0, 255
  log_prob, gradients = value_and_gradient(likelihood, params, images)
  assert np.all(np.isfinite(log_prob)) and np.all(log_prob <= 0.0)
  for gradient in gradients:
    assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize('spread', [1.0, 1e3])
def test_compiled_equals_eager(family, spread):
  likelihood = family(3)
  params = random_params(likelihood, [2, 3, 3], spread)
  images = random_images(likelihood, [2, 3, 3])
  compiled = tf.function(value_and_gradient, jit_compile=True)
  value, gradients = compiled(likelihood, params, images)
  eager_value, eager_gradients = value_and_gradient(likelihood, params, images)
  # Other float32 exponentials and logarithms, a few units in the last place.
  np.testing.assert_allclose(value, eager_value, rtol=1e-5)
  for gradient, eager in zip(gradients, eager_gradients, strict=True):
    scale = np.max(np.abs(eager))
    np.testing.assert_allclose(gradient, eager, rtol=1e-4, atol=1e-5 * scale)


def test_half_precision_is_widened_first(family):
  likelihood = family(1)
  params = tf.cast(random_params(likelihood, [2, 30, 30]), tf.bfloat16)
  images = random_images(likelihood, [2, 30, 30])
  log_prob = likelihood.log_prob(params, images)
  assert log_prob.dtype == tf.float32
  np.testing.assert_array_equal(
    log_prob, likelihood.log_prob(tf.cast(params, tf.float32), images)
  )


def test_unknown_sizes_in_a_function(family):
  likelihood = family(3)

  @tf.function(
    input_signature=[
      tf.TensorSpec([None, None, None, likelihood.num_params], tf.float32),
      tf.TensorSpec([None, None, None, 3], tf.uint8),
    ]
  )
  def function(params, images):
    log_prob = likelihood.log_prob(params, images)
    return log_prob, likelihood.mean(params), likelihood.sample(params, [0, 1])

  for size in 2, 3:
    params = random_params(likelihood, [size, 2, size])
    images = random_images(likelihood, [size, 2, size])
    log_prob, mean, sample = function(params, images)
    # Graph and eager kernels may fuse differently.
    np.testing.assert_allclose(
      log_prob, likelihood.log_prob(params, images), rtol=1e-6
    )
    np.testing.assert_array_equal(mean, likelihood.mean(params))
    np.testing.assert_array_equal(sample, likelihood.sample(params, [0, 1]))


def test_samples_follow_the_mass(family):
  likelihood = family(1)
  count = 20000
  params = random_params(likelihood, [1, 1, 1], 0.3)
  pixels = all_pixels(1)
  log_mass = likelihood.log_prob(tf.repeat(params, 256, axis=0), pixels)
  expected = count * np.exp(log_mass.numpy().astype(np.float64))
  samples = likelihood.sample(tf.repeat(params, count, axis=0), [3, 4])
  observed = np.bincount(samples.numpy().ravel(), minlength=256)
  assert observed[expected == 0].sum() == 0
  frequent = expected >= 5
  observed = np.append(observed[frequent], observed[~frequent].sum())
  expected = np.append(expected[frequent], expected[~frequent].sum() + 1e-9)
  statistic = np.sum((observed - expected) ** 2 / expected)
  # A right sampler fails with probability 1e-4, and the seed is fixed.
  assert statistic < scipy.stats.chi2.ppf(1 - 1e-4, len(expected) - 1)


@pytest.mark.parametrize('jit_compile', [False, True])
def test_channels_are_sampled_jointly(family, jit_compile):
  likelihood = family(2)
  params = tf.repeat(random_params(likelihood, [1, 1, 1], 0.5), 4000, axis=0)
  sample = tf.function(likelihood.sample, jit_compile=jit_compile)
  log_prob = likelihood.log_prob(params, sample(params, tf.constant([5, 6])))
  pixels = all_pixels(2)
  log_mass = likelihood.log_prob(
    tf.repeat(params[:1], len(pixels), axis=0), pixels
  )
  log_mass = log_mass.numpy().astype(np.float64)
  log_mass = log_mass[np.isfinite(log_mass)]
  entropy = -np.sum(np.exp(log_mass) * log_mass)
  # The mean of -log p over samples is the entropy, within 4 standard errors.
  error = 4.0 * np.std(log_prob) / np.sqrt(len(params))
  np.testing.assert_allclose(-np.mean(log_prob), entropy, atol=error)


def test_seeds(family):
  likelihood = family(3)
  params = random_params(likelihood, [1, 4, 4], 0.1)
  for jit_compile in False, True:
    sample = tf.function(likelihood.sample, jit_compile=jit_compile)
    first = sample(params, tf.constant([1, 2])).numpy()
    again = sample(params, tf.constant([1, 2]))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != sample(params, tf.constant([1, 3])))


def test_to_float_and_back(family):
  likelihood = family(1)
  pixels = np.arange(256, dtype=np.uint8)
  floats = likelihood.to_float(pixels)
  assert floats.dtype == tf.float32
  expected = pixels.astype(np.float32) / np.float32(255) - np.float32(0.5)
  np.testing.assert_array_equal(floats, expected)
  np.testing.assert_array_equal(likelihood.to_uint8(floats), pixels)
  np.testing.assert_array_equal(
    likelihood.to_uint8(tf.constant([-9.0, -0.5, 0.5, 9.0])), [0, 0, 255, 255]
  )


def test_wrong_params(family):
  likelihood = family(3)
  images = random_images(likelihood, [1, 2, 2])
  p = likelihood.num_params
  message = rf'takes params with {p} parameter maps, got {p + 1}'
  for call in (
    lambda params: likelihood.log_prob(params, images),
    likelihood.mean,
    lambda params: likelihood.sample(params, [0, 0]),
  ):
    with pytest.raises(ValueError, match=message):
      call(tf.zeros([1, 2, 2, p + 1]))
    with pytest.raises(
      ValueError, match=rf'params must be \[B, ..., {p}\] of rank 3 or more'
    ):
      call(tf.zeros([2, p]))
    with pytest.raises(TypeError, match='params must be floats, got int32'):
      call(tf.zeros([1, 2, 2, p], tf.int32))


def test_wrong_images(family):
  likelihood = family(3)
  params = tf.zeros([1, 2, 2, likelihood.num_params])
  with pytest.raises(TypeError, match='images must be uint8, got float32'):
    likelihood.log_prob(params, tf.zeros([1, 2, 2, 3]))
  with pytest.raises(TypeError, match='images must be uint8, got int32'):
    likelihood.to_float([1, 2])
  with pytest.raises(ValueError, match='images with 3 channels, got 1'):
    likelihood.log_prob(params, tf.zeros([1, 2, 2, 1], tf.uint8))
  # Without the check the single image would be broadcast over the batch.
  with pytest.raises(ValueError, match=r'\(1, 2, 2\) and \(5, 2, 2\)'):
    likelihood.log_prob(params, tf.zeros([5, 2, 2, 3], tf.uint8))
  with pytest.raises(ValueError, match=r'\(1, 2, 2\) and \(1, 2\)'):
    likelihood.log_prob(params, tf.zeros([1, 2, 3], tf.uint8))


def test_wrong_arguments(family):
  with pytest.raises(ValueError, match='channels must be at least 1, got 0'):
    family(0)
  likelihood = family(1)
  params = tf.zeros([1, 1, 1, likelihood.num_params])
  with pytest.raises(ValueError, match=r'seed must have shape \(2,\)'):
    likelihood.sample(params, [1, 2, 3])
