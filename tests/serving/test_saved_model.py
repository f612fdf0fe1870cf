import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import configs, files
from vqvae_tf.runs.run import Run
from vqvae_tf.version import __version__

# Sums of float32 in another order.
_ROUNDING = 1e-5

_IMAGES = tf.TensorSpec([None, 8, 8, 1], tf.uint8, 'images')
_CODES = tf.TensorSpec([None, 4, 4, 1], tf.int32, 'codes')
_DOORS = {
  'encode': ([_IMAGES], {'codes': ([4, 4, 1], tf.int32)}),
  'decode': ([_CODES], {'images': ([8, 8, 1], tf.uint8)}),
  'reconstruct': ([_IMAGES], {'images': ([8, 8, 1], tf.uint8)}),
  'embed': ([_CODES], {'embeddings': ([4, 4, 4], tf.float32)}),
  'nll': (
    [_IMAGES],
    {
      'pixel_bits': ([], tf.float32),
      'code_bits_uniform': ([], tf.float32),
    },
  ),
  'assess': (
    [_IMAGES],
    {
      'codes': ([4, 4, 1], tf.int32),
      'pixel_bits': ([], tf.float32),
      'code_bits_uniform': ([], tf.float32),
      'images': ([8, 8, 1], tf.uint8),
    },
  ),
  'pixel_bits': (
    [_CODES, _IMAGES],
    {'pixel_bits': ([], tf.float32), 'pixel_bits_map': ([8, 8], tf.float32)},
  ),
}


@pytest.fixture(scope='module')
def served(exported):
  return tf.saved_model.load(str(exported)).signatures


@pytest.fixture(scope='module')
def expected(trained, digits):
  """What Python's model makes of 5 images, by signature."""
  model = Run(trained).model
  images = digits['test'].fetch(tf.range(5, dtype=tf.int64))[0]
  codes = model.encode(images)
  result = model.assess(images)
  return {
    'encode': {'codes': codes},
    'decode': {'images': model.decode(codes)},
    'reconstruct': {'images': result.reconstructions},
    'embed': {'embeddings': model.embed(codes)},
    'nll': {
      'pixel_bits': result.pixel_bits,
      'code_bits_uniform': result.code_bits,
    },
    'assess': {
      'codes': result.codes,
      'pixel_bits': result.pixel_bits,
      'code_bits_uniform': result.code_bits,
      'images': result.reconstructions,
    },
    'pixel_bits': {
      'pixel_bits': model.pixel_bits(codes, images),
      'pixel_bits_map': model.pixel_bits_map(codes, images),
    },
  }


@pytest.fixture(scope='module')
def inputs(digits, expected):
  images = digits['test'].fetch(tf.range(5, dtype=tf.int64))[0]
  return {'images': images, 'codes': expected['encode']['codes']}


def _assert_equal(results, expected):
  assert results.keys() == expected.keys()
  for key, value in results.items():
    wanted = np.asarray(expected[key])
    # Pixels, codes and table entries come out exactly.
    rtol = _ROUNDING if key.startswith('pixel_bits') else 0
    np.testing.assert_allclose(value, wanted, rtol=rtol, err_msg=key)
    assert np.asarray(value).dtype == wanted.dtype


def test_doors(served):
  assert set(served) == {*_DOORS, 'serving_default'}
  for name, (specs, outputs) in _DOORS.items():
    named = {spec.name: spec for spec in specs}
    assert served[name].structured_input_signature == ((), named)
    found = {
      key: (value.shape.as_list()[1:], value.dtype)
      for key, value in served[name].structured_outputs.items()
    }
    assert found == outputs


@pytest.mark.parametrize('name', _DOORS)
@pytest.mark.parametrize('batch_size', [1, 5])
def test_any_batch_size_equals_python(
  served, inputs, expected, name, batch_size
):
  names = [spec.name for spec in _DOORS[name][0]]
  results = served[name](**{n: inputs[n][:batch_size] for n in names})
  wanted = {k: v[:batch_size] for k, v in expected[name].items()}
  _assert_equal(results, wanted)


def test_decode_of_encode_is_reconstruct(served, inputs):
  codes = served['encode'](images=inputs['images'])['codes']
  decoded = served['decode'](codes=codes)['images']
  reconstructed = served['reconstruct'](images=inputs['images'])['images']
  np.testing.assert_array_equal(decoded, reconstructed)


@pytest.mark.parametrize('name', ['decode', 'embed'])
@pytest.mark.parametrize('code', [-1, 16])
def test_codes_out_of_range_are_refused(served, name, code):
  codes = tf.constant([0] * 15 + [code], tf.int32, [1, 4, 4, 1])
  match = r'Codes are out of range: they must be in 0\.\.15'
  with pytest.raises(tf.errors.InvalidArgumentError, match=match):
    served[name](codes=codes)


@pytest.mark.parametrize(
  'name, inputs',
  [
    # Its encoder could take it, and would give it a grid of 5 x 5 codes.
    ('encode', {'images': tf.zeros([1, 10, 10, 1], tf.uint8)}),
    ('nll', {'images': tf.zeros([8, 8, 1], tf.uint8)}),
    ('decode', {'codes': tf.zeros([1, 5, 5, 1], tf.int32)}),
    ('embed', {'codes': tf.zeros([1, 4, 4, 2], tf.int32)}),
  ],
)
def test_another_shape_is_refused(served, name, inputs):
  match = r'Shape of tensor .* is not compatible with expected shape \[\?,'
  with pytest.raises(tf.errors.InvalidArgumentError, match=match):
    served[name](**inputs)


def test_another_type_is_refused(served):
  with pytest.raises(tf.errors.InvalidArgumentError, match='to be a uint8'):
    served['encode'](images=tf.zeros([1, 8, 8, 1]))


@pytest.mark.parametrize('sizes', [(1, 3), (3, 1)])
def test_codes_of_other_images_than_the_images(served, sizes):
  codes, images = (
    tf.zeros([size, *shape], dtype)
    for size, shape, dtype in zip(
      sizes, ([4, 4, 1], [8, 8, 1]), (tf.int32, tf.uint8), strict=True
    )
  )
  # One would be broadcast over the other.
  match = 'images and codes must be of as many images'
  with pytest.raises(tf.errors.InvalidArgumentError, match=match):
    served['pixel_bits'](codes=codes, images=images)


def test_averages_of_training_are_not_saved(trained, exported):
  model = Run(trained).model
  shape = model.quantizer.embeddings.shape
  # The embeddings, and two averages of as many sums.
  kept = [v for v in model.variables if v.shape == shape]
  assert len(kept) == 3
  saved = tf.train.list_variables(str(exported / 'variables' / 'variables'))
  assert [size for _, size in saved].count(shape) == 1


def test_what_lies_beside_the_model(trained, exported):
  extra = exported / 'assets.extra'
  text = (extra / 'README.md').read_text()
  # Front matter, as hubs of models read it, then the card.
  _, front, card = text.split('---\n', 2)
  assert 'library_name: vqvae_tf\nlicense: apache-2.0\n' in front
  assert 'datasets:\n- digits\n' in front
  assert card.startswith('\n# VQ-VAE on digits')
  assert 'none yet: run bin/evaluate before bin/export' in text
  log = (extra / 'metrics.jsonl').read_bytes()
  assert log == trained.metrics_path.read_bytes()


def test_metadata(trained, exported):
  metadata = files.read_json(exported / 'assets' / 'metadata.json')
  config = trained.load_config()
  assert metadata == {
    'format': 'vqvae_tf 1',
    'config': json.loads(configs.to_json(config)),
    'step': trained.best_step(),
    'last_step': 4,
    'codebook_sizes': [16],
    'class_names': list('0123456789'),
    'metrics': {},
    'versions': {'tensorflow': tf.__version__, 'vqvae_tf': __version__},
  }


_CLIENT = """
import gc, json, sys
for name in ('vqvae_tf', 'sonnet', 'tree', 'tensorflow_probability'):
  sys.modules[name] = None  # whoever imports it gets an ImportError
import numpy as np
import tensorflow as tf

path, inputs, outputs = sys.argv[1:]
inputs = dict(np.load(inputs))
# The model itself is not kept, as in the README.
served = tf.saved_model.load(path).signatures
gc.collect()
results = {}
for name, function in served.items():
  keys = function.structured_input_signature[1]
  given = {key: tf.constant(inputs[key]) for key in keys}
  for output, value in function(**given).items():
    results[f'{name}/{output}'] = value.numpy()
np.savez(outputs, **results)
"""


def test_tensorflow_alone_loads_and_runs_it(
  exported, inputs, expected, tmp_path
):
  np.savez(tmp_path / 'inputs.npz', **{k: v.numpy() for k, v in inputs.items()})
  client = tmp_path / 'client.py'
  client.write_text(_CLIENT)
  # -I: neither this folder nor PYTHONPATH is searched.
  done = subprocess.run(
    [
      sys.executable,
      '-I',
      str(client),
      str(exported),
      str(tmp_path / 'inputs.npz'),
      str(tmp_path / 'outputs.npz'),
    ],
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  results = dict(np.load(tmp_path / 'outputs.npz'))
  named = {**expected, 'serving_default': expected['reconstruct']}
  wanted = {
    f'{name}/{key}': value
    for name, values in named.items()
    for key, value in values.items()
  }
  assert results.keys() == wanted.keys()
  for name in named:
    part = {k: v for k, v in results.items() if k.startswith(f'{name}/')}
    _assert_equal({k.split('/')[1]: v for k, v in part.items()}, named[name])
