"""Masses of a symbol: positive, 2^24 together, and found again."""

import numpy as np
import pytest

from vqvae_tf.exact import laws, tables

RNG = np.random.default_rng(0)
ROWS = 5


def bins(curve, count):
  weights = laws.shares(RNG.uniform(1, 100, [ROWS, count]))
  locations = np.rint(RNG.uniform(-100, 400, [ROWS, count]) * 2**14)
  places = RNG.integers(0, 16 * 1024 + 1, [ROWS, count])
  return laws.Bins(curve, weights, locations, tables.precision()[places])


LAWS = {
  'uniform, 10': (laws.Uniform(10), 10),
  'uniform, 1': (laws.Uniform(1), 1),
  'uniform, 2^20 - 1': (laws.Uniform(2**20 - 1), None),
  **{
    f'softmax, {n}': (
      laws.Softmax(np.rint(RNG.normal(0, spread, [ROWS, n]) * 2**14)),
      n,
    )
    for n, spread in ((1, 1), (2, 5), (17, 3), (256, 300), (1000, 1))
  },
  'mixture': (bins(tables.logistic(), 3), 256),
  'logistic': (bins(tables.logistic(), 1), 256),
  'normal': (bins(tables.normal(), 1), 256),
}
every = pytest.mark.parametrize(
  'law, count',
  [x for x in LAWS.values() if x[1]],
  ids=[name for name, x in LAWS.items() if x[1]],
)


@every
def test_masses_are_positive_and_add_up(law, count):
  done = np.zeros(ROWS)
  for value in range(count):
    starts, masses = law.interval(np.full(ROWS, value))
    np.testing.assert_array_equal(starts, done)
    assert (masses >= 1).all()
    done += masses
  np.testing.assert_array_equal(done, laws.TOTAL)


@every
def test_what_is_found_holds_the_slot(law, count):
  for slots in (
    np.zeros(ROWS),
    np.full(ROWS, laws.TOTAL - 1.0),
    *np.floor(RNG.uniform(0, laws.TOTAL, [200, ROWS])),
  ):
    values, found = law.find(slots)
    assert ((values >= 0) & (values < count)).all()
    starts, masses = law.interval(values)
    np.testing.assert_array_equal(found.starts, starts)
    np.testing.assert_array_equal(found.masses, masses)
    assert ((starts <= slots) & (slots < starts + masses)).all()


def test_borders_of_the_masses():
  law, count = LAWS['mixture']
  values = RNG.integers(0, count, ROWS)
  starts, masses = law.interval(values)
  np.testing.assert_array_equal(law.find(starts)[0], values)
  np.testing.assert_array_equal(law.find(starts + masses - 1)[0], values)


def test_a_uniform_law_of_very_many():
  law, _ = LAWS['uniform, 2^20 - 1']
  values = RNG.integers(0, 2**20 - 1, 1000)
  starts, masses = law.interval(values)
  np.testing.assert_array_equal(law.find(starts)[0], values)
  np.testing.assert_array_equal(law.find(starts + masses - 1)[0], values)


def test_softmax_by_hand():
  # e^0 : e^0, and 1 : 0 but for the one that each has.
  law = laws.Softmax(np.float64([[0, 0], [0, -(2**20)]]))
  starts, masses = law.interval(np.array([1, 1]))
  assert starts.tolist() == [2**23, 2**24 - 1]
  assert masses.tolist() == [2**23, 1]


def test_shares_add_up():
  masses = np.float64([[1, 1, 1], [0, 5, 0], [1, 2**50, 1]])
  found = laws.shares(masses)
  third = 2**24 // 3
  assert found.tolist() == [[third + 1, third, third], [0, 2**24, 0]] + [
    [0, 2**24, 0]
  ]


def test_a_mixture_learns_from_a_value():
  # Two narrow bells, at 10 and at 200.
  locations = np.float64([[10, 200]]) * 2**14
  precision = np.full([1, 2], tables.precision()[1024 * 16 // 4])
  weights = np.full([1, 2], 2.0**23)
  law = laws.Bins(tables.logistic(), weights, locations, precision)
  assert law.weights_given(np.array([200])).tolist() == [[0, 2**24]]
  # What none has any mass for tells nothing.
  assert law.weights_given(np.array([100])).tolist() == weights.tolist()
