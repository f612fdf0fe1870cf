"""Every causal network sees all of the past alone, and fills in what it saw."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import nets
from vqvae_tf.nets.raster import Raster

SLOTS, FEATURES, OUTPUTS, HIDDENS = 2, 2, 3, 8
# Each sees the whole past in a grid of 3 x 4 and in one of 1 x 7. WaveNet: 1 +
# 1 + 2 + 4 + 8 cells.
NETWORKS = {
  'pixelcnn': lambda: nets.PixelCNN(SLOTS, OUTPUTS, HIDDENS, 3),
  'gated': lambda: nets.GatedPixelCNN(SLOTS, OUTPUTS, HIDDENS, 3, 0.5),
  'transformer': lambda: nets.CausalTransformer(
    SLOTS, OUTPUTS, HIDDENS, 2, num_heads=2, dropout=0.5
  ),
  'wavenet': lambda: nets.WaveNet(SLOTS, OUTPUTS, HIDDENS, 4, dropout=0.5),
  'conditioned wavenet': lambda: nets.ConditionedWaveNet(
    SLOTS, OUTPUTS, HIDDENS, 4, dropout=0.5
  ),
}
GRIDS = [(3, 4), (1, 7)]
grids = pytest.mark.parametrize('grid', GRIDS, ids=str)
# Grids that two stacks do not take.
OTHERS = [(5,), (2, 1, 3)]


@pytest.fixture(scope='module', params=NETWORKS)
def network(request):
  tf.random.set_seed(0)
  return NETWORKS[request.param]()


@pytest.fixture(scope='module')
def whole(network):
  """The full pass, compiled once for each grid."""
  return tf.function(network.__call__, autograph=False)


@pytest.fixture
def loud(network):
  """Weights that let the furthest cell be heard above the roundings."""
  network(slots(GRIDS[0]), context(GRIDS[0]))
  matrices = [x for x in network.trainable_variables if x.shape.rank > 1]
  for matrix in matrices:
    matrix.assign(2.0 * matrix)
  yield network
  for matrix in matrices:
    matrix.assign(0.5 * matrix)


@pytest.fixture(scope='module')
def dropping(network):
  if isinstance(network, nets.PixelCNN):
    pytest.skip('has no dropout')
  return network


def slots(grid, batch=1):
  shape = [batch, *grid, SLOTS, FEATURES]
  return tf.random.stateless_normal(shape, [1, 2])


def context(grid, batch=1):
  return tf.random.stateless_normal([batch, *grid, 5], [2, 3])


def test_every_network_of_the_package_is_here():
  names = {type(make()).__name__ for make in NETWORKS.values()}
  public = {
    name
    for name in nets.__all__
    if isinstance(getattr(nets, name), type)
    and issubclass(getattr(nets, name), nets.CausalNetwork)
  }
  assert public == names | {'CausalNetwork'}


@grids
@pytest.mark.usefixtures('loud')
def test_each_slot_sees_the_whole_past_and_nothing_else(whole, grid):
  inputs, known = slots(grid), context(grid)
  before = whole(inputs, known)
  count = grid[0] * grid[1] * SLOTS
  # One by one: the rows of a batch are rounded differently.
  changes = np.eye(count * FEATURES, dtype=np.float32)
  for n, change in enumerate(changes.reshape([-1, *inputs.shape])):
    after = whole(inputs + change, known)
    changed = np.any(before != after, axis=-1).ravel()
    later = np.arange(count) > n // FEATURES
    np.testing.assert_array_equal(changed, later)


@grids
def test_context_reaches_its_own_cell_and_none_of_an_earlier_row(whole, grid):
  inputs, known = slots(grid), context(grid)
  before = whole(inputs, known).numpy()
  for i, j in itertools.product(*map(range, grid)):
    change = np.zeros(known.shape, np.float32)
    change[0, i, j] = 1.0
    after = whole(inputs, known + change).numpy()
    changed = np.any(before[0] != after[0], axis=-1)
    assert changed[i, j].all() and not changed[:i].any()


def skip_unless_it_takes(network, grid):
  if grid in OTHERS and not isinstance(network, Raster):
    pytest.skip('takes other grids')


@pytest.mark.parametrize('grid', [*GRIDS, OTHERS[0]], ids=str)
def test_steps_by_hand_give_the_numbers_of_one_pass(network, whole, grid):
  skip_unless_it_takes(network, grid)
  inputs, known = slots(grid, batch=3), context(grid, batch=3)
  expected = tf.reshape(whole(inputs, known), [3, -1, SLOTS, OUTPUTS])
  cells = tf.reshape(inputs, [3, -1, SLOTS * FEATURES])
  step = tf.function(network.step, autograph=False)
  state = network.initial_state(known, FEATURES)
  for t in range(cells.shape[1]):
    before = cells[:, t - 1] if t else tf.zeros_like(cells[:, 0])
    seen, state = step(state, tf.constant(t), before)
    for s in range(SLOTS):
      earlier = cells[:, t, : s * FEATURES]
      found = network.parameters(seen, earlier, s)
      # Sums in another order, of outputs around 0.1.
      np.testing.assert_allclose(found, expected[:, t, s], atol=1e-6)
  # State of another shape or nest would have been traced anew.
  assert step.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(
  'grid, jit',
  [(GRIDS[0], True), (GRIDS[0], False), (OTHERS[1], False)],
  ids=str,
)
def test_filling_in_gives_the_numbers_of_one_pass(network, whole, grid, jit):
  skip_unless_it_takes(network, grid)
  inputs, known = slots(grid, batch=3), context(grid, batch=3)
  expected = whole(inputs, known)
  scale = 1e7

  def fill(inputs, known):
    flat = tf.reshape(inputs, [tf.shape(inputs)[0], -1, SLOTS, FEATURES])

    def draw(outputs, index, slot):
      # What was to be drawn is known: the outputs are what is returned.
      return flat[:, index, slot], tf.cast(scale * outputs, tf.int32)

    return network.generate(known, FEATURES, draw)

  specs = [tf.TensorSpec([None, *x.shape[1:]]) for x in (inputs, known)]
  fill = tf.function(
    fill, input_signature=specs, autograph=False, jit_compile=jit
  )
  # Sums in another order, of outputs around 0.1, and whole numbers.
  np.testing.assert_allclose(
    fill(inputs, known).numpy() / scale, expected, atol=1e-6
  )


def test_unknown_batch_size(network, whole):
  inputs, known = slots(GRIDS[0], batch=3), context(GRIDS[0], batch=3)
  specs = [tf.TensorSpec([None, *x.shape[1:]]) for x in (inputs, known)]
  graph = tf.function(network.__call__, input_signature=specs, autograph=False)
  # Fused differently.
  np.testing.assert_allclose(
    graph(inputs, known), whole(inputs, known), atol=1e-6
  )


@pytest.mark.parametrize('grid', OTHERS, ids=str)
def test_two_stacks_refuse_other_grids(network, grid):
  if isinstance(network, Raster):
    pytest.skip('takes any grid')
  match = rf'take a grid \[h, w\], not one of rank {len(grid)}: .*WaveNet'
  with pytest.raises(ValueError, match=match):
    network(slots(grid), context(grid))
  with pytest.raises(ValueError, match=match):
    network.initial_state(context(grid), FEATURES)


def test_dropout_only_in_training(dropping):
  inputs, known = slots(GRIDS[0]), context(GRIDS[0])
  before = dropping(inputs, known)
  trained = dropping(inputs, known, is_training=True)
  np.testing.assert_array_equal(dropping(inputs, known), before)
  assert np.any(trained.numpy() != before, axis=-1).all()


def test_dropout_goes_on_from_a_checkpoint(dropping, tmp_path):
  inputs, known = slots(GRIDS[0]), context(GRIDS[0])
  path = tf.train.Checkpoint(network=dropping).write(str(tmp_path / 'here'))
  first, second = (dropping(inputs, known, True).numpy() for _ in range(2))
  assert not np.array_equal(first, second)
  tf.train.Checkpoint(network=dropping).read(path).assert_consumed()
  np.testing.assert_array_equal(dropping(inputs, known, True), first)
  np.testing.assert_array_equal(dropping(inputs, known, True), second)


def test_every_variable_learns(network):
  inputs, known = slots(GRIDS[0]), context(GRIDS[0])
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(network(inputs, known) ** 2)
  gradients = tape.gradient(loss, network.trainable_variables)
  idle = [
    variable.name
    for variable, gradient in zip(
      network.trainable_variables, gradients, strict=True
    )
    if gradient is None or not np.any(gradient)
  ]
  assert idle == []
