"""One set of doors: a run and its export do the same, in as many passes."""

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.models import Served, Traits, serve
from vqvae_tf.runs.run import Run
from vqvae_tf.serving import load


@pytest.fixture(scope='module')
def images(digits):
  return digits['test'].fetch(tf.range(7, dtype=tf.int64))[0].numpy()


@pytest.fixture(scope='module')
def pair(with_prior, exported_with_prior):
  """A run and its export."""
  run = load.from_run(Run(with_prior))
  return run, load.from_export(exported_with_prior)


def test_both_draw_the_same_of_one_seed(pair):
  of_run, of_export = (each.prior.sample(5, (3, 4), 2, 0.9) for each in pair)
  np.testing.assert_array_equal(of_run.codes, of_export.codes)
  np.testing.assert_array_equal(of_run.images, of_export.images)
  again = pair[0].prior.sample(5, (3, 5), 2, 0.9)
  assert np.any(again.codes != of_run.codes)


def test_both_assess_alike(pair, images):
  of_run, of_export = (each.assess(images) for each in pair)
  for ours, theirs in zip(of_run, of_export, strict=True):
    np.testing.assert_array_equal(ours, theirs)
  assert pair[0].code_shape == pair[1].code_shape == (4, 4, 1)


class Counted(dict):
  """Doors that note which of them were used."""

  def __init__(self, doors):
    super().__init__(doors)
    self.used = []

  def __getitem__(self, name):
    self.used.append(name)
    return super().__getitem__(name)


def test_an_assessment_is_one_pass(pair, exported_with_prior, images):
  signatures = tf.saved_model.load(str(exported_with_prior)).signatures
  doors = Counted(dict(signatures.items()))
  traits = Traits((4, 4, 1), (16,), False)
  expected = pair[0].assess(images)
  found = Served(doors, traits).assess(images)
  np.testing.assert_array_equal(found.codes, expected.codes)
  assert doors.used == ['assess']
  # Exports had no such door once, and at first not even `pixel_bits`.
  for gone, used in (
    ('assess', ['encode', 'pixel_bits', 'decode']),
    ('pixel_bits', ['encode', 'nll', 'decode']),
  ):
    del doors[gone]
    doors.used.clear()
    found = Served(doors, traits).assess(images)
    assert doors.used == used
    np.testing.assert_array_equal(found.codes, expected.codes)
    np.testing.assert_array_equal(
      found.reconstructions, expected.reconstructions
    )
    # Two graphs may fuse differently.
    np.testing.assert_allclose(found.pixel_bits, expected.pixel_bits, rtol=1e-5)
    np.testing.assert_array_equal(found.code_bits, expected.code_bits)


def test_a_served_model_without_a_prior(trained, images):
  served = serve(Run(trained).model, (8, 8, 1))
  assert served.prior is None
  assert served.has_pixel_bits
  np.testing.assert_array_equal(
    served.reconstruct(images), served.decode(served.encode(images))
  )
