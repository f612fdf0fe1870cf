"""What is drawn is decoded; who asks for the impossible is told."""

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.models import Sampler

CODES = (1, 2, 1)


class Prior:
  """Codes that are the labels, and what it was asked for."""

  num_classes = 3

  def sample(self, labels, *settings):
    self.settings = settings
    return tf.zeros([len(labels), *CODES], tf.int32) + tf.reshape(
      labels, [-1, 1, 1, 1]
    )


class Model:
  def decode(self, codes, seed):
    del seed
    return tf.cast(10 * codes, tf.uint8)


@pytest.fixture
def prior():
  return Prior()


@pytest.fixture
def sampler(prior):
  return Sampler(Model().decode, prior, jit_compile=False)


def test_codes_are_decoded(sampler, prior):
  codes, images = sampler(4, [1, 2], 2, 0.5, 0.9, 'given', 'mask')
  np.testing.assert_array_equal(codes, np.full([4, *CODES], 2))
  np.testing.assert_array_equal(images, np.full([4, *CODES], 20))
  _, temperature, top_p, *rest = prior.settings
  assert (temperature, top_p) == (0.5, np.float32(0.9))
  assert rest == ['given', 'mask', False]


def test_a_label_for_each_image(sampler):
  labels = sampler(300, [1, 2]).codes[:, 0, 0, 0]
  # 100 of each, within 5 standard deviations of a binomial, 8.2.
  assert np.all(np.abs(np.bincount(labels, minlength=3) - 100) < 41)
  same = sampler(300, [1, 2]).codes[:, 0, 0, 0]
  np.testing.assert_array_equal(same, labels)
  assert np.any(sampler(300, [1, 3]).codes[:, 0, 0, 0] != labels)


def test_no_classes(sampler, prior):
  prior.num_classes = 0
  assert not np.any(sampler(3, [1, 2]).codes)
  with pytest.raises(tf.errors.InvalidArgumentError, match='in -1..-1'):
    sampler(3, [1, 2], 0)


@pytest.mark.parametrize(
  'settings, match',
  [
    ({'label': 3}, r'label must be in -1\.\.2'),
    ({'label': -2}, r'label must be in -1\.\.2'),
    ({'temperature': -0.1}, 'temperature must be at least 0'),
    ({'temperature': float('nan')}, 'temperature must be at least 0'),
    ({'top_p': 0.0}, r'top_p must be in \(0, 1\]'),
    ({'top_p': 1.1}, r'top_p must be in \(0, 1\]'),
  ],
)
@pytest.mark.parametrize('in_a_graph', [False, True])
def test_what_is_out_of_range(sampler, settings, match, in_a_graph):
  def call(**settings):
    return sampler(2, [1, 2], **settings)

  call = tf.function(call) if in_a_graph else call
  with pytest.raises(tf.errors.InvalidArgumentError, match=match):
    call(**{k: tf.constant(v) for k, v in settings.items()})
