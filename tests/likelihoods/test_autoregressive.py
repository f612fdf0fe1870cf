"""The autoregressive likelihood: a mass, causal, sampled as it is judged."""

import itertools

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
from vqvae_tf.nets import PixelCNN

SIZE, CONTEXT = 4, 3


def make(channels=3, block_size=2, pixel=None):
  tf.random.set_seed(0)
  pixel = pixel or LogisticMixture(channels, 2)
  network = PixelCNN(block_size**2, pixel.num_params, 8, 3)
  return Autoregressive(network, pixel, CONTEXT, block_size)


def params(batch=1, size=(SIZE, SIZE)):
  return tf.random.stateless_normal([batch, *size, CONTEXT], [1, 2])


def picture(batch=1, channels=3, seed=0):
  shape = [batch, SIZE, SIZE, channels]
  values = tf.random.stateless_uniform(shape, [3, seed], 0, 256, tf.int32)
  return tf.cast(values, tf.uint8)


def rank(row, column, block):
  """When a pixel comes: blocks in raster order, pixels likewise in them."""
  return (row // block, column // block, row % block, column % block)


@pytest.mark.parametrize('block_size', [1, 2, 4])
def test_no_pixel_sees_itself_or_the_future(block_size):
  """Perturbs each sub-pixel; looks at the mass of every pixel."""
  likelihood = make(block_size=block_size)
  images, known = picture().numpy(), params()

  def masses(image):
    # The pixels' own parameters, which hold all that they saw.
    blocks = likelihood.blocks(image)
    outputs = likelihood.network(blocks, likelihood.cells(known))
    return likelihood._unblocked(outputs).numpy()[0]

  before = masses(images)
  places = list(itertools.product(range(SIZE), repeat=2))
  for place, channel in itertools.product(places, range(3)):
    changed = images.copy()
    changed[(0, *place, channel)] ^= 128
    after = masses(changed)
    for other in places:
      sees = rank(*other, block_size) > rank(*place, block_size)
      same = np.array_equal(before[other], after[other])
      # Three layers reach over the whole of this picture.
      assert same == (not sees), (place, channel, other)


def test_channels_follow_each_other():
  """The red mass of a pixel, summed over green and blue, knows neither."""
  likelihood = make(block_size=1)
  known = tf.repeat(params(size=(1, 1)), 2**16, 0)
  values = np.array(list(itertools.product(range(256), repeat=2)), np.uint8)
  images = np.zeros([2**16, 1, 1, 3], np.uint8)
  images[..., 1:] = values.reshape(-1, 1, 1, 2)
  images[..., 0] = 77
  total = tf.reduce_logsumexp(likelihood.log_prob(known, images))
  outputs = likelihood.network(
    likelihood.blocks(images[:1]), likelihood.cells(known[:1])
  )
  # Maps of the likelihood's first channel: logits, its location and log-scale.
  rows = tf.reshape(outputs, [10, 2]).numpy()
  red = np.stack([rows[0], rows[1], rows[4]]).reshape(1, 1, 1, 6)
  alone = LogisticMixture(1, 2).log_prob(red, images[:1, ..., :1])
  # Each of 65,536 terms is good to 1e-6 of itself.
  assert total.numpy() == pytest.approx(alone.numpy().item(), abs=1e-5)


def test_masses_of_all_images_sum_to_one():
  likelihood = make(1, 1, Categorical(1))
  every = np.array(list(itertools.product(range(256), repeat=2)), np.uint8)
  known = tf.repeat(params(size=(1, 2)), len(every), 0)
  log_prob = likelihood.log_prob(known, every.reshape(-1, 1, 2, 1))
  # Each of 65,536 terms is good to 1e-6 of itself.
  assert tf.reduce_logsumexp(log_prob).numpy() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize('pixel', [LogisticMixture(1, 2), Categorical(1)])
def test_samples_follow_the_masses(pixel):
  likelihood = make(1, 1, pixel)
  known = tf.repeat(params(size=(1, 2)), 4000, 0)
  drawn = likelihood.sample(known, [4, 5])
  every = np.array(list(itertools.product(range(256), repeat=2)), np.uint8)
  log_prob = likelihood.log_prob(
    tf.repeat(known[:1], len(every), 0), every.reshape(-1, 1, 2, 1)
  ).numpy()
  entropy = -np.sum(np.exp(log_prob) * log_prob)
  spread = np.sqrt(np.sum(np.exp(log_prob) * (log_prob + entropy) ** 2))
  mean = -tf.reduce_mean(likelihood.log_prob(known, drawn)).numpy()
  # Four standard errors.
  assert mean == pytest.approx(entropy, abs=float(4 * spread / 4000**0.5))


@pytest.mark.parametrize(
  'pixel', [LogisticMixture(3, 2), Normal(3), Categorical(3), Bernoulli(3)]
)
def test_samples_are_seeded(pixel):
  likelihood, known = make(pixel=pixel), params(2)
  sample = tf.function(likelihood.sample)
  seed, other = tf.constant([[1, 2], [1, 3]])
  first = sample(known, seed)
  assert first.shape == (2, SIZE, SIZE, 3) and first.dtype == tf.uint8
  np.testing.assert_array_equal(first, sample(known, seed))
  assert np.any(first != sample(known, other))
  # What is drawn is possible.
  assert np.isfinite(likelihood.log_prob(known, first)).all()


@pytest.mark.parametrize(
  'block_size, pixel',
  [
    *((size, LogisticMixture(3, 2)) for size in (1, 2, 4)),
    *((2, pixel) for pixel in (Normal(3), Categorical(3), Bernoulli(3))),
  ],
)
def test_samples_are_those_of_a_full_pass_for_each_pixel(block_size, pixel):
  """Cells, slots and pixels come in one order in both."""
  likelihood = make(block_size=block_size, pixel=pixel)
  known, seed = params(2), [1, 2]
  drawn = np.zeros([2, SIZE, SIZE, 3], np.uint8)
  places = itertools.product(range(SIZE), repeat=2)
  order = sorted(places, key=lambda place: rank(*place, block_size))
  for t, (i, j) in enumerate(order):
    outputs = likelihood.network(
      likelihood.blocks(drawn), likelihood.cells(known)
    )
    here = likelihood._unblocked(outputs)[:, i : i + 1, j : j + 1]
    own = tf.random.fold_in(seed, t, alg='philox')
    drawn[:, i, j] = likelihood.pixel.sample(here, own)[:, 0, 0]
  # A level may be rounded to either side: sums are in another order.
  found = likelihood.sample(known, seed).numpy().astype(int)
  np.testing.assert_allclose(found, drawn, atol=1)
  assert np.mean(found == drawn) > 0.9


def test_grey_and_odd_sizes_in_blocks_of_one():
  likelihood = make(channels=1, block_size=1)
  known = params(2, (3, 5))
  drawn = likelihood.sample(known, [1, 2])
  assert drawn.shape == (2, 3, 5, 1)
  assert likelihood.log_prob(known, drawn).shape == (2,)


def test_map_of_pixels():
  likelihood, known = make(), params(2)
  images = picture(2).numpy()
  found = likelihood.log_prob_map(known, images)
  # The same float32 terms, summed in another order.
  np.testing.assert_allclose(
    tf.reduce_sum(found, [1, 2]), likelihood.log_prob(known, images), rtol=1e-5
  )
  # The second block of the first row; after it comes the row below.
  images[:, 1, 3] ^= 128
  changed = found != likelihood.log_prob_map(known, images)
  assert not np.any(changed[:, :2, :3]) and np.all(changed[:, 1, 3])
  assert np.any(changed[:, 2:])


def test_there_is_no_mean():
  with pytest.raises(ValueError, match='no mean to show: use sample'):
    make().mean(params())


class Uniform(tf.Module):
  """A network that sees nothing: all parameters are zero."""

  def __call__(self, slots, context):
    del context
    return tf.zeros([*slots.shape[:-1], LogisticMixture(1, 2).num_params])


@pytest.mark.parametrize('sides', [(6,), (2, 4, 4)])
def test_single_pixels_of_any_rank(sides):
  pixel = LogisticMixture(1, 2)
  likelihood = Autoregressive(Uniform(), pixel, CONTEXT, block_size=1)
  examples = tf.cast(tf.fill([2, *sides, 1], 7), tf.uint8)
  context = tf.zeros([2, *sides, CONTEXT])
  assert likelihood.blocks(examples).shape == (2, *sides, 1, 1)
  np.testing.assert_array_equal(
    likelihood.log_prob(context, examples),
    pixel.log_prob(tf.zeros([2, *sides, pixel.num_params]), examples),
  )


def test_blocks_are_for_images():
  likelihood = make(channels=1)
  with pytest.raises(ValueError, match='blocks of 2x2 .* use block_size=1'):
    likelihood.log_prob(
      tf.zeros([2, 6, CONTEXT]), tf.zeros([2, 6, 1], tf.uint8)
    )
