import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from vqvae_tf.likelihoods import Categorical


def test_equals_tensorflow_probability():
  rng = np.random.default_rng(0)
  params = tf.constant(rng.normal(0.0, 3.0, [2, 3, 4, 768]), tf.float32)
  images = rng.integers(0, 256, [2, 3, 4, 3], np.uint8)
  logits = tf.reshape(tf.cast(params, tf.float64), [2, 3, 4, 3, 256])
  expected = tfp.distributions.Categorical(logits=logits).log_prob(images)
  # Sums of 36 float32 terms.
  np.testing.assert_allclose(
    Categorical(3).log_prob(params, images),
    tf.reduce_sum(expected, axis=[1, 2, 3]),
    rtol=1e-6,
  )


def test_zero_params_are_eight_bits_per_dim():
  images = tf.constant(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1))
  log_prob = Categorical(1).log_prob(tf.zeros([1, 16, 16, 256]), images)
  # 256 equal float32 terms.
  np.testing.assert_allclose(log_prob, [-256 * math.log(256.0)], rtol=1e-6)


def test_mean_by_hand():
  probabilities = np.full(256, 1e-20)
  probabilities[[10, 20]] = 0.25, 0.75
  params = tf.constant(np.log(probabilities).reshape(1, 1, 1, 256), tf.float32)
  # 0.25 * 10 + 0.75 * 20 = 17.5, to the even number.
  assert Categorical(1).mean(params).numpy().item() in (17, 18)
  probabilities[[10, 20]] = 0.2, 0.8
  params = tf.constant(np.log(probabilities).reshape(1, 1, 1, 256), tf.float32)
  assert Categorical(1).mean(params).numpy().item() == 18


def test_features_tell_neighbouring_values_apart():
  """In [-1, 1] two values are 0.008 apart; 64 levels, where all waves have
  turned, are 0.5."""
  values = np.arange(256, dtype=np.uint8).reshape(-1, 1)
  features = Categorical(1).features(values).numpy()
  assert features.shape == (256, Categorical(1).num_features)
  distances = np.linalg.norm(features[:, None] - features[None], axis=-1)
  np.fill_diagonal(distances, np.inf)
  # A float32 below 64 * 2 / 255.
  assert distances.min() > 0.5


def test_features_by_hand():
  # Angles of 2 pi 64 / 256 * 1: a quarter turn; then 1/16 and 1/64 of one.
  turns = [2 * math.pi * part for part in (1 / 4, 1 / 16, 1 / 64)]
  waves = [wave(turn) for turn in turns for wave in (math.cos, math.sin)]
  expected = [2 / 255 - 1, *waves]
  features = Categorical(1).features(tf.constant([[1]], tf.uint8))
  # Float32 waves.
  np.testing.assert_allclose(features, [expected], atol=1e-6)
