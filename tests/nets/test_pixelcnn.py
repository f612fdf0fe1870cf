"""PixelCNN: it sees all of the past, nothing else, and fills in what it saw."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.nets import PixelCNN

HEIGHT, WIDTH, SLOTS, FEATURES = 3, 4, 2, 2
PLACES = list(itertools.product(range(HEIGHT), range(WIDTH), range(SLOTS)))


@pytest.fixture
def network():
  tf.random.set_seed(0)
  # Deep enough that the far corner of a row sees all of the rows above.
  return PixelCNN(SLOTS, num_outputs=3, num_hiddens=8, num_layers=4)


def slots(seed=0, batch=1):
  shape = [batch, HEIGHT, WIDTH, SLOTS, FEATURES]
  return tf.random.stateless_normal(shape, [1, seed])


def context(batch=1):
  return tf.random.stateless_normal([batch, HEIGHT, WIDTH, 5], [2, 3])


def test_each_slot_sees_the_whole_past_and_nothing_else(network):
  inputs, known = slots(), context()
  before = network(inputs, known).numpy()
  for n, place in enumerate(PLACES):
    for f in range(FEATURES):
      change = np.zeros(inputs.shape, np.float32)
      change[(0, *place, f)] = 1.0
      after = network(inputs + change, known).numpy()
      for m, other in enumerate(PLACES):
        same = np.array_equal(before[(0, *other)], after[(0, *other)])
        assert same == (m <= n), (place, other)


def test_context_reaches_its_own_cell(network):
  inputs, known = slots(), context()
  before = network(inputs, known).numpy()
  for i, j in itertools.product(range(HEIGHT), range(WIDTH)):
    change = np.zeros(known.shape, np.float32)
    change[0, i, j] = 1.0
    after = network(inputs, known + change).numpy()
    changed = np.any(before[0] != after[0], axis=(-1, -2))
    assert changed[i, j] and not changed[:i].any()


@pytest.mark.parametrize('jit', [False, True])
def test_filling_in_gives_the_numbers_of_one_pass(network, jit):
  inputs, known = slots(4, batch=3), context(batch=3)
  whole = network(inputs, known).numpy()
  flat = tf.reshape(inputs, [3, HEIGHT * WIDTH, SLOTS, FEATURES])
  scale = 1e7

  def draw(outputs, index, slot):
    # What was to be drawn is known: the outputs are what is returned.
    return flat[:, index, slot], tf.cast(scale * outputs, tf.int32)

  fill = tf.function(
    lambda: network.generate(known, FEATURES, draw), jit_compile=jit
  )
  # Sums in another order, of outputs around 0.1, and whole numbers.
  np.testing.assert_allclose(fill().numpy() / scale, whole, atol=1e-6)


def test_unknown_batch_size(network):
  inputs, known = slots(batch=2), context(batch=2)
  specs = [tf.TensorSpec([None, *x.shape[1:]]) for x in (inputs, known)]
  graph = tf.function(network.__call__, input_signature=specs)
  # Fused differently.
  np.testing.assert_allclose(
    graph(inputs, known), network(inputs, known), atol=1e-6
  )
