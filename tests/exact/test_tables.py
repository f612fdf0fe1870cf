"""Tables of functions: right, never falling, and the same for ever."""

import hashlib

import numpy as np
import pytest
from scipy import special

from vqvae_tf.exact import tables

ONE = 2.0**14
# A change of any number is a change of the format.
DIGESTS = {
  'exp': '9efde3a2f9717da6',
  'precision': '4d23817efd25f0ed',
  'sigmoid': '6e12dd1a7cd4053a',
  'tanh': 'a0f8d9368d65d0d2',
}


def digest(values):
  return hashlib.sha256(values.astype('<f8').tobytes()).hexdigest()[:16]


@pytest.mark.parametrize('name', DIGESTS)
def test_frozen(name):
  assert digest(getattr(tables, name)()) == DIGESTS[name]


@pytest.mark.parametrize(
  'curve, expected, last, known',
  [
    (tables.logistic, special.expit, 22, 'dda2f5e0e4f4f35e'),
    (tables.normal, special.ndtr, 7, 'ffabc421affcba49'),
  ],
  ids=['logistic', 'normal'],
)
def test_curves(curve, expected, last, known):
  places = np.linspace(-(last + 1) * 2**20, (last + 1) * 2**20, 40_001)
  places = np.rint(places)
  found = curve()(places)
  assert (np.diff(found) >= 0).all()
  assert found[0] == 0 and found[-1] == 2**28
  error = found / 2**28 - expected(places / 2**20)
  # Half a unit of the points, one of the floor, and the line between points.
  assert np.abs(error).max() < 2.0**-24.5
  assert digest(found) == known


def test_exp_and_precision():
  x = np.arange(24 * 1024 + 1) / 1024
  np.testing.assert_allclose(
    tables.exp()[:-1], 2.0**32 * np.exp(-x), atol=0.501
  )
  assert tables.exp()[-1] == 0
  x = np.arange(-8 * 1024, 8 * 1024 + 1) / 1024
  np.testing.assert_allclose(
    tables.precision(), np.exp(-x) / 255, rtol=2.0**-20
  )
  # 20 bits each.
  mantissas, _ = np.frexp(tables.precision())
  assert (mantissas * 2**20 == np.rint(mantissas * 2**20)).all()


def test_gates():
  x = np.arange(-22 * 1024, 22 * 1024 + 1) / 1024
  np.testing.assert_allclose(
    tables.sigmoid(), ONE * special.expit(x), atol=0.501
  )
  x = np.arange(-11 * 1024, 11 * 1024 + 1) / 1024
  np.testing.assert_allclose(tables.tanh(), ONE * np.tanh(x), atol=0.501)


def test_no_wave_is_near_the_middle_between_integers():
  angles = 2 * np.pi / 256 * np.outer(np.arange(256), (64, 16, 4))
  for wave in (np.cos, np.sin):
    parts = np.abs(ONE * wave(angles)) % 1
    assert np.abs(parts - 0.5).min() > 1e-3
  assert digest(tables.waves((64, 16, 4))) == '217f875b75dea8ad'
