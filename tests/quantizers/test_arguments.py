"""Mistakes in what a quantizer is made with are named at once."""

import math

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.quantizers import (
  CodebookPolicy,
  CosineQuantizer,
  FiniteScalarQuantizer,
  LookupFreeQuantizer,
  ProductQuantizer,
  ResidualQuantizer,
  VectorQuantizer,
  VectorQuantizerEMA,
)


def gradient(dim=4, size=8, cost=0.25, **others):
  return VectorQuantizer(dim, size, cost, **others)


def ema(dim=4, size=8, cost=0.25, decay=0.9, **others):
  return VectorQuantizerEMA(dim, size, cost, decay, **others)


def cosine(dim=4, size=8, **others):
  return CosineQuantizer(dim, size, **others)


@pytest.mark.parametrize('make', [gradient, ema, cosine])
@pytest.mark.parametrize('argument', ['dim', 'size'])
@pytest.mark.parametrize(
  'value, error, message',
  [
    (8.0, TypeError, 'must be a whole number, not 8.0'),
    ('4', TypeError, "must be a whole number, not '4'"),
    (True, TypeError, 'must be a whole number, not True'),
    (None, TypeError, 'must be a whole number, not None'),
    (-8, ValueError, 'must be at least 1, not -8'),
    (0, ValueError, 'must be at least 1, not 0'),
    (2**40, ValueError, 'must be at most 2147483647, not 1099511627776'),
  ],
)
def test_sizes(make, argument, value, error, message):
  name = {'dim': 'embedding_dim', 'size': 'num_embeddings'}[argument]
  with pytest.raises(error, match=f'^{name} {message}'):
    make(**{argument: value})


@pytest.mark.parametrize('value', [math.nan, math.inf, -0.25])
@pytest.mark.parametrize(
  'make, argument, name',
  [
    (gradient, 'cost', 'commitment_cost'),
    (ema, 'cost', 'commitment_cost'),
    (ema, 'epsilon', 'epsilon'),
    (ema, 'decay', 'decay'),
    (cosine, 'commitment_cost', 'commitment_cost'),
    (cosine, 'decay', 'decay'),
    (
      lambda cost: LookupFreeQuantizer(3, commitment_cost=cost),
      'cost',
      'commitment_cost',
    ),
    (
      lambda weight: LookupFreeQuantizer(3, entropy_weight=weight),
      'weight',
      'entropy_weight',
    ),
    (
      lambda dropout: ResidualQuantizer([gradient()], dropout),
      'dropout',
      'dropout',
    ),
  ],
)
def test_numbers(make, argument, name, value):
  bounds = rf'{name} must be in \[0, (inf\)|1\)|1\]), not {value:g}'
  with pytest.raises(ValueError, match=bounds):
    make(**{argument: value})
  with pytest.raises(TypeError, match=f"{name} must be a number, not '0.5'"):
    make(**{argument: '0.5'})
  with pytest.raises(TypeError, match=f'{name} must be a number, not True'):
    make(**{argument: True})


@pytest.mark.parametrize(
  'make, error, message',
  [
    (lambda: LookupFreeQuantizer(2.5), TypeError, 'num_bits .* not 2.5'),
    (
      lambda: FiniteScalarQuantizer([3, 3.5]),
      TypeError,
      r'levels\[1\] must be a whole number, not 3.5',
    ),
    (
      lambda: FiniteScalarQuantizer('88'),
      TypeError,
      "levels must be a list, not '88'",
    ),
    (lambda: FiniteScalarQuantizer(8), TypeError, 'levels must be a list'),
    (
      lambda: cosine(projection_dim=0),
      ValueError,
      'projection_dim must be at least 1, not 0',
    ),
    (lambda: ema(decay=1), ValueError, r'decay must be in \[0, 1\), not 1\.'),
    (
      lambda: ema(accumulation_steps=1.5),
      TypeError,
      'accumulation_steps must be a whole number, not 1.5',
    ),
    (
      lambda: CodebookPolicy(seed=0.5),
      TypeError,
      'seed must be a whole number, not 0.5',
    ),
    (
      lambda: ResidualQuantizer([gradient()], seed=2**63),
      ValueError,
      'seed must be at most',
    ),
    (
      lambda: ProductQuantizer(gradient()),
      TypeError,
      'quantizers must be a list, not VectorQ',
    ),
    (
      lambda: ProductQuantizer([gradient(), 4]),
      TypeError,
      'quantizers must be Quantizers, not 4',
    ),
    (
      lambda: CodebookPolicy('kmeans'),
      ValueError,
      r"initialization must be one of .*kmeans\+\+, not 'kmeans'",
    ),
  ],
)
def test_others(make, error, message):
  with pytest.raises(error, match=message):
    make()


@pytest.mark.parametrize('make', [gradient, ema, cosine])
@pytest.mark.parametrize('value', ['kmeans++', None, {'seed': 1}])
def test_a_policy_that_is_none_is_shown_one(make, value):
  message = (
    r"policy must be a CodebookPolicy, such as CodebookPolicy\('kmeans\+\+', "
    r"unused_codes='restart'\), not "
  )
  with pytest.raises(TypeError, match=message):
    make(policy=value)


def residual(estimator):
  return ResidualQuantizer([gradient()], estimator=estimator)


@pytest.mark.parametrize('make', [gradient, ema, cosine, residual])
def test_estimators_have_names(make):
  make(estimator='rotation')
  make(estimator='straight_through')
  names = 'estimator must be one of straight_through, rotation'
  with pytest.raises(ValueError, match=f"{names}, not 'copy'"):
    make(estimator='copy')
  with pytest.raises(TypeError, match=f'{names} or a function, not 3'):
    make(estimator=3)


def test_an_estimator_by_name_is_the_function():
  inputs = tf.random.stateless_normal([5, 4], [1, 2])

  def gradient_of(module):
    module.embeddings.assign(tf.reshape(tf.range(32.0), [4, 8]))
    with tf.GradientTape() as tape:
      tape.watch(inputs)
      output = tf.reduce_sum(module.forward(inputs, False).vectors)
    return tape.gradient(output, inputs).numpy()

  rotated = gradient_of(gradient(estimator='rotation'))
  assert not np.allclose(rotated, 1)
  straight = gradient_of(gradient(estimator='straight_through'))
  np.testing.assert_array_equal(straight, np.ones([5, 4]))


def test_numbers_of_numpy_are_fine():
  module = ema(np.int64(4), np.int32(8), np.float32(0.5), np.float64(0.9))
  assert module.codebook_sizes == (8,)
  assert LookupFreeQuantizer(np.int64(3)).codebook_sizes == (8,)
  assert FiniteScalarQuantizer(np.array([3, 4])).codebook_sizes == (12,)
  ema(cost=np.array(0.5), decay=tf.constant(0.9))


def test_a_cost_may_be_known_to_the_graph_alone():
  made = []

  @tf.function(autograph=False)
  def loss(cost):
    if not made:
      made.append(LookupFreeQuantizer(2, cost, 0.0))
    return made[0].forward(tf.constant([[3.0, 4.0]]), False).loss

  # u = sqrt(2) (3/5, 4/5), at (0.151, 0.131) from the corner.
  expected = 0.5 * ((0.6 * 2**0.5 - 1) ** 2 + (0.8 * 2**0.5 - 1) ** 2) / 2
  assert loss(tf.constant(0.5)).numpy() == pytest.approx(expected)
