"""The distributions of TensorFlow Probability beside our own masses."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.likelihoods import (
  Autoregressive,
  Bernoulli,
  Categorical,
  LogisticMixture,
  Normal,
)

LIKELIHOODS = {
  'bernoulli': lambda: Bernoulli(2),
  'categorical': lambda: Categorical(2),
  'normal': lambda: Normal(3, scale=0.02),
  'mixture, grey': lambda: LogisticMixture(1, 3),
  'mixture, colour': lambda: LogisticMixture(3, 2),
}


@pytest.fixture(params=LIKELIHOODS)
def likelihood(request):
  return LIKELIHOODS[request.param]()


def parameters(likelihood, shape=(2, 3, 4), size=1.0):
  values = tf.random.stateless_normal([*shape, likelihood.num_params], [1, 2])
  return size * values


def pixels(likelihood, shape):
  """Any values, black and white among them; of a coin these two alone."""
  values = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
  values[0, 0] = 0
  values[-1, -1] = 255
  if isinstance(likelihood, Bernoulli):
    values = np.where(values > 127, 255, 0).astype(np.uint8)
  return values


# Large parameters put values far into the tails.
@pytest.mark.parametrize('size', [1.0, 6.0])
@pytest.mark.parametrize('shape', [(2, 3, 4), (2, 5), (2, 2, 2, 2)])
def test_log_prob_is_that_of_the_likelihood(likelihood, shape, size):
  params = parameters(likelihood, shape, size)
  images = pixels(likelihood, [*shape, likelihood.channels])
  found = likelihood.distribution(params)
  assert tuple(found.batch_shape_tensor()) == shape
  assert tuple(found.event_shape_tensor()) == (likelihood.channels,)
  log_prob = found.log_prob(images.astype(np.int32))
  assert log_prob.shape == shape
  # Categorical subtracts the logarithm of a sum that is one but for float32.
  np.testing.assert_allclose(
    log_prob, likelihood.log_prob_map(params, images), rtol=2e-5, atol=2e-5
  )


def test_samples_have_the_masses(likelihood):
  """Means and spreads of two ways of drawing agree."""
  params = parameters(likelihood, (1, 1, 1))
  count = 4_000
  found = likelihood.distribution(params).sample(count, seed=[3, 4])
  assert found.dtype == tf.int32
  assert found.shape == (count, 1, 1, 1, likelihood.channels)
  many = tf.tile(params, [count, 1, 1, 1])
  ours = likelihood.sample(many, seed=[5, 6]).numpy().astype(float)
  theirs = np.reshape(found, ours.shape).astype(float)
  # Five standard errors of a difference of two means.
  error = 5 * np.sqrt(2 / count) * ours.std(0) + 1e-9
  assert np.all(np.abs(ours.mean(0) - theirs.mean(0)) < error)
  np.testing.assert_allclose(ours.std(0), theirs.std(0), rtol=0.1, atol=0.5)
  if likelihood.channels > 1:
    # Channels that lean on each other do so in both.
    both = [np.corrcoef(x[:, 0, 0, :2].T)[0, 1] for x in (ours, theirs)]
    assert abs(both[0] - both[1]) < 0.1


def test_the_values_of_a_channel_sum_to_one():
  likelihood = LogisticMixture(3, 2)
  params = parameters(likelihood, (1, 1))
  found = likelihood.distribution(params)
  red, green = 40, 200
  values = np.tile([red, green, 0], [256, 1, 1, 1]).astype(np.int32)
  values[:, 0, 0, 2] = np.arange(256)
  blue = tf.reduce_logsumexp(found.log_prob(values), 0)
  # What is left is the mass of red and green.
  whole = likelihood.log_masses(params, tf.zeros([1, 1, 3], tf.uint8))
  p_red = tf.nn.log_softmax(whole[0, 0, 0])[red]
  given_red = np.zeros([1, 1, 3], np.uint8)
  given_red[..., 0] = red
  table = likelihood.log_masses(params, tf.constant(given_red))
  p_green = tf.nn.log_softmax(table[0, 0, 1])[green]
  np.testing.assert_allclose(blue, [[p_red + p_green]], rtol=1e-4)


def test_an_impossible_value_has_no_mass():
  found = Bernoulli(1).distribution(tf.zeros([1, 1, 1]))
  np.testing.assert_array_equal(found.log_prob([[[7]]]), -np.inf)


def test_gradients_are_those_of_the_likelihood():
  likelihood = LogisticMixture(3, 2)
  params = tf.Variable(parameters(likelihood, (2, 2)))
  images = pixels(likelihood, [2, 2, 3])
  with tf.GradientTape(persistent=True) as tape:
    ours = tf.reduce_sum(likelihood.log_prob(params, images))
    distribution = likelihood.distribution(tf.convert_to_tensor(params))
    theirs = tf.reduce_sum(distribution.log_prob(images.astype(np.int32)))
  np.testing.assert_allclose(
    tape.gradient(theirs, params),
    tape.gradient(ours, params),
    rtol=1e-3,
    atol=1e-4,
  )


def test_pixels_that_depend_on_each_other():
  network = None
  likelihood = Autoregressive(network, Categorical(1), 4)
  with pytest.raises(ValueError, match='no distribution of a pixel without'):
    likelihood.distribution(tf.zeros([1, 2, 2, 4]))


def test_it_is_loaded_when_it_is_called():
  code = (
    'import sys, vqvae_tf; vqvae_tf.LogisticMixture(1);'
    "print('tensorflow_probability' in sys.modules)"
  )
  done = subprocess.run(
    [sys.executable, '-c', code], capture_output=True, text=True, check=True
  )
  assert done.stdout == 'False\n'
