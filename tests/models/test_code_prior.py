"""The prior is a mass over codes, and its samples have that mass."""

import math

import numpy as np
import pytest
import tensorflow as tf
from two_codebooks import CLASSES, CODES, GRID, NETWORKS, SIZES, Fixed, make

from vqvae_tf.models import CodeBatch, CodePrior

SEED = tf.constant([4, 2])
# Images that are drawn: all tests of one prior share one compiled loop.
DRAWN = 4000


@pytest.fixture(scope='module')
def prior():
  return make('wavenet')


@pytest.fixture(scope='module')
def fixed():
  return CodePrior(Fixed(np.log([[0.5, 0.3, 0.15, 0.05]])), [4], GRID)


def masses(prior, label=None):
  """p(codes | label) of all codes, float64 [36]."""
  labels = None if label is None else np.full(len(CODES), label)
  nats = prior.nats(CODES, labels).numpy().astype(np.float64)
  return np.exp(-nats.sum((1, 2, 3)))


def shares(codes):
  """How often each of all codes was drawn, [36]."""
  # `CODES` counts up, its digits of bases 3, 2, 3, 2.
  places = np.reshape(codes, [-1, 4]) @ [12, 6, 2, 1]
  return np.bincount(places, minlength=len(CODES)) / len(codes)


def assert_drawn(codes, expected):
  """Within 5 standard errors: one of a million draws would not be."""
  error = np.sqrt(expected * (1 - expected) / len(codes))
  np.testing.assert_array_less(abs(shares(codes) - expected), 5 * error + 1e-9)


def test_masses_sum_to_one_and_samples_have_them(prior):
  first, second = (masses(prior, label) for label in range(CLASSES))
  # 36 terms of float32.
  np.testing.assert_allclose([first.sum(), second.sum()], 1, rtol=1e-5)
  assert abs(first - second).max() > 0.01
  assert first.max() > 3 / len(CODES)
  codes = prior.sample(np.repeat([0, 1], DRAWN // 2), SEED).numpy()
  assert codes.dtype == np.int32
  assert_drawn(codes[: DRAWN // 2], first)
  assert_drawn(codes[DRAWN // 2 :], second)


@pytest.mark.parametrize(
  'network, jit', [('gated', False), ('transformer', True)]
)
def test_unconditional_samples_have_the_masses(network, jit):
  prior = make(network, num_classes=0)
  expected = masses(prior)
  np.testing.assert_allclose(expected.sum(), 1, rtol=1e-5)
  drawn = prior.sample(DRAWN, SEED, jit_compile=jit)
  assert_drawn(drawn.numpy(), expected)
  # Labels only count the images.
  same = prior.sample(np.full(DRAWN, 7), SEED, jit_compile=jit)
  np.testing.assert_array_equal(same, drawn)
  nats = prior.marginal_nats(CODES)
  np.testing.assert_allclose(nats, -np.log(expected), rtol=1e-5)


def test_equal_logits_give_each_codebook_its_uniform_mass():
  prior = CodePrior(Fixed(np.zeros([2, 3])), SIZES, GRID)
  nats = prior.nats(CODES)
  expected = np.broadcast_to(np.log(SIZES), CODES.shape)
  # Roundings of float32, here and below.
  np.testing.assert_allclose(nats, expected, rtol=1e-6)
  losses = prior.losses(CodeBatch(CODES, np.zeros(36)), is_training=True)
  np.testing.assert_allclose(losses.nats, [2 * math.log(6)] * 36, rtol=1e-6)
  np.testing.assert_allclose(losses.loss, math.log(6) / 2, rtol=1e-6)
  np.testing.assert_array_equal(losses.codes, CODES)
  drawn = prior.sample(3000, SEED, jit_compile=False).numpy()
  assert [set(np.unique(drawn[..., m])) for m in (0, 1)] == [{0, 1, 2}, {0, 1}]


def test_label_is_marginalized(prior):
  expected = -np.log((masses(prior, 0) + masses(prior, 1)) / 2)
  np.testing.assert_allclose(prior.marginal_nats(CODES), expected, rtol=1e-5)


def test_labels_are_summed_over_one_by_one(prior):
  """A graph that runs several passes at once needs the memory of them all."""
  graph = tf.function(prior.marginal_nats).get_concrete_function(CODES).graph
  loops = [op for op in graph.get_operations() if 'While' in op.type]
  assert [op.get_attr('parallel_iterations') for op in loops] == [1]


def test_number_of_images_in_place_of_labels(prior):
  drawn = prior.sample(DRAWN, SEED)
  assert_drawn(drawn.numpy(), (masses(prior, 0) + masses(prior, 1)) / 2)


@pytest.mark.parametrize(
  'temperature, top_p, expected',
  [
    (1.0, 1.0, [0.5, 0.3, 0.15, 0.05]),
    (0.5, 1.0, np.square([0.5, 0.3, 0.15, 0.05]) / 0.365),
    (1.0, 0.7, [0.5 / 0.8, 0.3 / 0.8, 0, 0]),
    # The temperature comes first: masses 0.685, 0.247, 0.062, 0.007.
    (0.5, 0.68, [1, 0, 0, 0]),
    (0.0, 1.0, [1, 0, 0, 0]),
  ],
)
def test_temperature_and_nucleus_by_hand(fixed, temperature, top_p, expected):
  drawn = fixed.sample(DRAWN, SEED, temperature, top_p).numpy()
  seen = (drawn.reshape([-1, 1]) == range(4)).mean(0)
  expected = np.asarray(expected)
  # 5 standard errors of two draws for each image.
  error = 5 * np.sqrt(expected * (1 - expected) / (2 * DRAWN))
  np.testing.assert_array_less(abs(seen - expected), error + 1e-9)


@pytest.fixture(scope='module')
def far_below_zero():
  return CodePrior(Fixed([[-5000.0] * 3] * 2), SIZES, GRID)


@pytest.mark.parametrize('temperature', [0.0, 1.0, 1e12, math.inf])
def test_no_temperature_draws_a_code_that_is_missing(
  far_below_zero, temperature
):
  """Not even where those that there are have logits far below zero."""
  drawn = far_below_zero.sample(300, SEED, temperature).numpy()
  assert [set(np.unique(drawn[..., m])) for m in (0, 1)] == [{0, 1, 2}, {0, 1}]


def test_kept_codes_stay_and_are_seen(prior):
  labels = np.ones(DRAWN, np.int32)
  given = np.array([[[[2, -1], [-1, 1]]]], np.int32)
  mask = given >= 0
  drawn = prior.sample(labels, SEED, given=given, mask=mask).numpy()
  np.testing.assert_array_equal(drawn[:, 0, [0, 1], [0, 1]], [[2, 1]] * DRAWN)
  # The open ones, each given what comes before: the kept ones are no draws.
  nats = prior.nats(CODES, np.ones(36)).numpy()
  fits = np.all((CODES == given) | ~mask, (1, 2, 3))
  assert fits.sum() == 2 * 3
  expected = np.exp(-np.where(mask, 0, nats).sum((1, 2, 3))) * fits
  np.testing.assert_allclose(expected.sum(), 1, rtol=1e-5)
  assert_drawn(drawn, expected)


def test_whole_positions_are_kept(prior):
  given, labels = np.resize(CODES, [DRAWN, *GRID, 2]), np.zeros(DRAWN, int)
  mask = np.zeros([1, *GRID], bool)
  mask[:, :, 0] = True
  drawn = prior.sample(labels, SEED, given=given, mask=mask).numpy()
  np.testing.assert_array_equal(drawn[:, :, 0], given[:, :, 0])
  assert not np.array_equal(drawn, given)
  everything = prior.sample(labels, SEED, given=given, mask=mask | True)
  np.testing.assert_array_equal(everything, given)


@pytest.mark.parametrize('grid', [(2,), (1, 2, 1)])
def test_other_grids_are_the_same_sequence(prior, grid):
  other = make('wavenet', grid=grid)
  codes = CODES.reshape([-1, *grid, 2])
  labels = np.arange(36) % CLASSES
  nats = prior.nats(CODES, labels).numpy()
  np.testing.assert_array_equal(
    other.nats(codes, labels), nats.reshape(codes.shape)
  )
  losses = other.losses(CodeBatch(codes, labels), is_training=False)
  np.testing.assert_array_equal(losses.nats, nats.sum((1, 2, 3)))
  given, mask = CODES[::-1], np.array([[[True, False]]])
  drawn, others = (
    one.sample(
      labels,
      SEED,
      given=given.reshape(shape),
      mask=mask.reshape([1, *shape[1:-1]]),
      jit_compile=False,
    )
    for one, shape in ((prior, CODES.shape), (other, codes.shape))
  )
  np.testing.assert_array_equal(others, drawn.numpy().reshape(codes.shape))
  with pytest.raises(
    ValueError, match=r'give codes \[B, .*2\], not \(36, 1, 2, 2'
  ):
    other.nats(CODES, labels)


def test_seed_decides(prior):
  labels = np.zeros(DRAWN, np.int32)
  first, again, other = (
    prior.sample(labels, seed).numpy() for seed in ([1, 2], [1, 2], [1, 3])
  )
  np.testing.assert_array_equal(first, again)
  assert not np.array_equal(first, other)
  # Every place has its own draws.
  assert len({first[:, 0, j, 1].tobytes() for j in range(2)}) == 2


@pytest.mark.parametrize('jit', [False, True])
def test_graphs_for_any_batch_size(prior, jit):
  codes = tf.TensorSpec([None, *GRID, 2], tf.int32)
  labels = tf.TensorSpec([None], tf.int32)
  options = {'jit_compile': jit}
  nats = tf.function(prior.nats, input_signature=[codes, labels], **options)
  marginal = tf.function(
    prior.marginal_nats, input_signature=[codes], **options
  )
  sample = tf.function(
    prior.sample,
    input_signature=[
      labels,
      tf.TensorSpec([2], tf.int32),
      tf.TensorSpec([]),
      tf.TensorSpec([]),
      codes,
      tf.TensorSpec([None, *GRID], tf.bool),
    ],
    **options,
  )
  labels = np.arange(36, dtype=np.int32) % CLASSES
  # Fused differently.
  np.testing.assert_allclose(
    nats(CODES, labels), prior.nats(CODES, labels), rtol=1e-5
  )
  np.testing.assert_allclose(
    marginal(CODES), prior.marginal_nats(CODES), rtol=1e-5
  )
  given, labels = np.resize(CODES, [DRAWN, *GRID, 2]), np.resize(labels, DRAWN)
  mask = np.zeros([DRAWN, *GRID], bool)
  mask[::2, :, 0] = True
  expected = prior.sample(labels, SEED, 0.9, 0.9, given, mask)
  drawn = sample(labels, SEED, 0.9, 0.9, given, mask)
  np.testing.assert_array_equal(drawn, expected)


def test_training_averages_all_weights_and_counts_no_codes(prior):
  ids = [id(v) for v in prior.trainable_variables]
  assert [id(v) for v in prior.weights] == ids
  assert {id(v) for v in prior.matrices} < set(ids)
  assert prior.counted_codebooks == ()
  losses = prior.losses(CodeBatch(CODES, np.zeros(36)), is_training=False)
  assert {*prior.statistics, 'codes'} == set(losses._fields)


def test_training_moves_the_features_and_drops(prior):
  batch = CodeBatch(CODES, np.arange(36) % CLASSES)
  with tf.GradientTape() as tape:
    losses = prior.losses(batch, is_training=True)
  gradients = tape.gradient(losses.loss, prior.trainable_variables)
  tables = {
    variable.name.split('/')[-1][:-2]: np.any(gradient)
    for variable, gradient in zip(
      prior.trainable_variables, gradients, strict=True
    )
    if 'wavenet' not in variable.name
  }
  assert tables == dict.fromkeys(['codes', 'labels', 'positions'], True)
  # None is sparse, which the optimizers do not take.
  assert {isinstance(gradient, tf.Tensor) for gradient in gradients} == {True}
  evaluated = prior.losses(batch, is_training=False)
  np.testing.assert_allclose(
    evaluated.nats,
    tf.reduce_sum(prior.nats(*batch), [1, 2, 3]),
    rtol=1e-6,
  )
  assert not np.array_equal(losses.nats, evaluated.nats)


def test_all_variables_are_there_from_the_start(prior):
  count = len(prior.variables)
  prior.losses(CodeBatch(CODES, np.zeros(36)), is_training=True)
  prior.sample(DRAWN, SEED)
  assert len(prior.variables) == count


@pytest.mark.parametrize(
  'name, shape',
  [
    # Without its batch, as long as it is wide.
    ('given', (2, 2, 2)),
    ('given', (1, 1, 1, 2)),
    ('given', (3, 2, 2, 2)),
    ('mask', (2, 2)),
    ('mask', (1, 1, 2)),
    ('mask', (1, 2, 2, 3)),
    ('mask', (3, 2, 2)),
  ],
)
@pytest.mark.parametrize('in_a_graph', [False, True])
def test_shapes_of_what_is_kept(name, shape, in_a_graph):
  prior = CodePrior(Fixed(np.zeros([2, 3])), SIZES, (2, 2))
  kept = {'given': np.zeros([2, 2, 2, 2], int), 'mask': np.ones([1, 2, 2])}
  kept[name] = np.ones(shape, int)

  def sample():
    return prior.sample(2, SEED, **kept, jit_compile=False)

  sample = tf.function(sample, autograph=False) if in_a_graph else sample
  match = rf'{name} must be of shape \[B or 1, 2, 2, [12]\], not \({shape[0]}'
  with pytest.raises(ValueError, match=match):
    sample()


def test_mistakes_are_named(prior):
  ones = np.ones(36, np.int32)
  with pytest.raises(ValueError, match=r'labels must be in 0\.\.1, not 2'):
    prior.nats(CODES, 2 * ones)
  with pytest.raises(ValueError, match=r'labels must be in 0\.\.1, not -1'):
    prior.sample(-ones, SEED)
  with pytest.raises(ValueError, match='conditional: give labels'):
    prior.nats(CODES)
  with pytest.raises(tf.errors.InvalidArgumentError, match=r'0\.\.2, 0\.\.1'):
    prior.nats(CODES + 1, ones)
  with pytest.raises(ValueError, match=r'grid of \(1, 2\) .* not \(36, 2, 1'):
    prior.nats(CODES.reshape([36, 2, 1, 2]), ones)
  with pytest.raises(ValueError, match='temperature must be at least 0'):
    prior.sample(ones, SEED, temperature=-1.0)
  for top_p in (0.0, 1.5):
    with pytest.raises(ValueError, match=r'top_p must be in \(0, 1\]'):
      prior.sample(ones, SEED, top_p=top_p)
  with pytest.raises(ValueError, match='give both: given and mask'):
    prior.sample(ones, SEED, given=CODES)
  with pytest.raises(tf.errors.InvalidArgumentError, match='out of range'):
    prior.sample(ones, SEED, given=CODES + 1, mask=CODES >= 0)
  with pytest.raises(ValueError, match='needs 2 slots and 9 outputs, not 2'):
    CodePrior(NETWORKS['gated'](), [9, 3], GRID)
  with pytest.raises(ValueError, match=r'a grid \[h, w\], not one of rank 1'):
    CodePrior(NETWORKS['gated'](), SIZES, (2,))
