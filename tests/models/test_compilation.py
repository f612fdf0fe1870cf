import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import likelihoods, replicas
from vqvae_tf.models import compiled
from vqvae_tf.models.compilation import compiled_rows


@pytest.mark.parametrize('count, calls', [(1, [False]), (2, [True, True])])
def test_one_of_several_replicas_runs_it_as_is(monkeypatch, count, calls):
  monkeypatch.setattr(replicas, 'count', lambda: count)
  eager = []

  def double(x):
    eager.append(tf.executing_eagerly())
    return 2 * x

  function = compiled(double)
  assert [float(function(tf.constant(x))) for x in (1.0, 2.0)] == [2, 4]
  # Compiled, it is traced once and never runs in Python.
  assert eager == calls


@pytest.mark.parametrize('count', [1, 2])
@pytest.mark.parametrize('graph', [False, True])
def test_rows_have_the_gradient_of_the_function(monkeypatch, count, graph):
  monkeypatch.setattr(replicas, 'count', lambda: count)
  likelihood = likelihoods.LogisticMixture(3, 2)
  generator = np.random.default_rng(0)
  shape = [4, 5, 6, likelihood.num_params]
  params = tf.constant(generator.normal(size=shape), tf.float32)
  images = tf.constant(generator.integers(0, 256, [4, 5, 6, 3]), tf.uint8)
  weights = tf.constant([0.0, 1.0, -2.0, 3.0])

  def gradient(function):
    with tf.GradientTape() as tape:
      tape.watch(params)
      values = function(params, images)
      total = tf.reduce_sum(weights * values)
    return values, tape.gradient(total, params)

  fused = compiled_rows(likelihood.log_prob)
  found = (tf.function(gradient) if graph else gradient)(fused)
  for ours, plain in zip(found, gradient(likelihood.log_prob), strict=True):
    # XLA adds in another order.
    np.testing.assert_allclose(ours, plain, rtol=1e-4, atol=1e-5)
