"""What an export has of a prior."""

import json

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from vqvae_tf import configs
from vqvae_tf.models import Sampler
from vqvae_tf.runs.run import Run
from vqvae_tf.serving.load import read_metadata

# Sums of float32 in another order.
_ROUNDING = 1e-5
_CODES = tf.TensorSpec([None, 4, 4, 1], tf.int32, 'codes')
_GRID = [None, 4, 4, 1]
_SAMPLE = {
  'num': tf.TensorSpec([], tf.int32, 'num'),
  'seed': tf.TensorSpec([2], tf.int32, 'seed'),
  'label': tf.TensorSpec([], tf.int32, 'label'),
  'temperature': tf.TensorSpec([], tf.float32, 'temperature'),
  'top_p': tf.TensorSpec([], tf.float32, 'top_p'),
  'given': tf.TensorSpec(_GRID, tf.int32, 'given'),
  'mask': tf.TensorSpec(_GRID, tf.bool, 'mask'),
}


@pytest.fixture(scope='module')
def model(exported_with_prior):
  return tf.saved_model.load(str(exported_with_prior))


@pytest.fixture(scope='module')
def sampler(with_prior, code_prior):
  model = Run(with_prior).model
  return Sampler(model.decode, code_prior, jit_compile=False)


@pytest.fixture(scope='module')
def inputs(digits, with_prior):
  images = digits['test'].fetch(tf.range(5, dtype=tf.int64))[0]
  return {'images': images, 'codes': Run(with_prior).model.encode(images)}


def test_doors(model, exported):
  sign = model.signatures
  without = tf.saved_model.load(str(exported)).signatures
  assert set(sign) == {*without, 'sample', 'prior_nll'}
  assert sign['sample'].structured_input_signature == ((), _SAMPLE)
  labels = tf.TensorSpec([None], tf.int32, 'labels')
  assert sign['prior_nll'].structured_input_signature == (
    (),
    {'codes': _CODES, 'labels': labels},
  )
  outputs = {
    name: {k: (v.shape.as_list(), v.dtype) for k, v in of.items()}
    for name in ('sample', 'prior_nll')
    for of in [sign[name].structured_outputs]
  }
  assert outputs == {
    'sample': {
      'codes': (_GRID, tf.int32),
      'images': ([None, 8, 8, 1], tf.uint8),
    },
    'prior_nll': {'code_bits': (_GRID, tf.float32)},
  }


def test_bits_equal_python(model, code_prior, inputs):
  codes, labels = inputs['codes'], tf.constant([3, 0, 9, 9, 1])
  sign = model.signatures
  bits = sign['prior_nll'](codes=codes, labels=labels)['code_bits']
  expected = code_prior.nats(codes, labels) / np.log(2)
  # Of nearly certain codes, sums of float32 in another order.
  np.testing.assert_allclose(bits, expected, rtol=_ROUNDING, atol=1e-6)
  found = sign['nll'](images=inputs['images'])
  assert set(found) == {
    'pixel_bits',
    'code_bits_uniform',
    'code_bits_learned',
  }
  expected = code_prior.marginal_nats(codes) / np.log(2)
  np.testing.assert_allclose(
    found['code_bits_learned'], expected, rtol=_ROUNDING
  )


def test_one_label_is_not_that_of_all(model, inputs):
  prior_nll = model.signatures['prior_nll']
  match = 'labels and codes must be of as many images'
  with pytest.raises(tf.errors.InvalidArgumentError, match=match):
    prior_nll(codes=inputs['codes'], labels=tf.constant([3]))


def test_samples_equal_python(model, sampler):
  given = tf.reshape(tf.range(16), [1, 4, 4, 1])
  mask = tf.cast(given % 3, tf.bool)
  settings = {
    'num': tf.constant(5),
    'seed': tf.constant([1, 2]),
    'label': tf.constant(7),
    'temperature': tf.constant(0.8),
    'top_p': tf.constant(0.9),
    'given': given,
    'mask': mask,
  }
  found = model.signatures['sample'](**settings)
  expected = sampler(**settings)
  np.testing.assert_array_equal(found['codes'], expected.codes)
  np.testing.assert_array_equal(found['images'], expected.images)
  is_kept = np.broadcast_to(mask, found['codes'].shape)
  kept = np.broadcast_to(given, found['codes'].shape)[is_kept]
  np.testing.assert_array_equal(found['codes'][is_kept], kept)


def test_defaults(model, sampler):
  num, seed = tf.constant(5), tf.constant([1, 2])
  found = model.sample(num, seed)
  np.testing.assert_array_equal(found['codes'], sampler(num, seed).codes)
  named = model.sample(num, seed, label=tf.constant(3))
  expected = sampler(num, seed, 3)
  np.testing.assert_array_equal(named['codes'], expected.codes)


def test_defaults_of_a_server(exported_with_prior):
  """They are part of the signature itself."""
  path = exported_with_prior / 'saved_model.pb'
  saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
  [meta] = saved.meta_graphs
  known = meta.signature_def['sample'].defaults
  values = {k: tf.make_ndarray(v) for k, v in known.items()}
  assert {k: v.tolist() for k, v in values.items() if v.ndim == 0} == {
    'label': -1,
    'temperature': 1.0,
    'top_p': 1.0,
  }
  for name in ('given', 'mask'):
    np.testing.assert_array_equal(values[name], np.zeros([1, 4, 4, 1]))


def test_a_label_out_of_range(model):
  with pytest.raises(
    tf.errors.InvalidArgumentError, match=r'label must be in -1\.\.9'
  ):
    model.sample(tf.constant(1), tf.constant([1, 2]), tf.constant(10))


def test_metadata_and_card(with_prior, exported_with_prior):
  prior = Run(with_prior).prior
  config, standing = prior.config, prior.standing
  metadata = read_metadata(exported_with_prior)
  assert metadata['prior'] == {
    'config': json.loads(configs.to_json(config)),
    'step': 1,
    'num_classes': 10,
    'validation': standing._asdict(),
  }
  assert metadata['class_names'] == list('0123456789')
  card = (exported_with_prior / 'assets.extra' / 'README.md').read_text()
  assert 'to codes int32 [4, 4, 1] out of K = 16, and back.' in card
  assert 'bin/prior --num_hiddens=8 --num_layers=1' in card
  assert 'A gated_pixelcnn over the codes, given the class.' in card
  assert 'Parameters: network ' in card
  assert '`label` (0..9, or -1: drawn)' in card
  assert '179 images of 4x4x1 codes, prior of step 1\n' in card
