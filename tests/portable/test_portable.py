"""Shipped models in LiteRT's format and in ONNX, run by their own runtimes."""

import json
import pathlib
import sys

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import datasets
from vqvae_tf.errors import UserError
from vqvae_tf.portable import folder as portable
from vqvae_tf.runs.run import Run
from vqvae_tf.serving import rebuilt
from vqvae_tf.serving.load import read_config

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ROOT / 'assets' / 'models'
DATA = ROOT.parent / 'shared' / 'data'
SIZES = (1, 7, 43, 64, 1000)
# Sums of float32 in another order.
_ROUNDING = 1e-4
# A vector halfway between two embeddings may fall to the other side, and a
# pixel's mean between two values: as many of a million as were seen, times 5.
_TIES = 100e-6


def _runtime(kind):
  names = {'tflite': ['ai_edge_litert'], 'onnx': ['tf2onnx', 'onnxruntime']}
  for name in names[kind]:
    pytest.importorskip(name)


class _LiteRT:
  def __init__(self, folder):
    from ai_edge_litert.interpreter import Interpreter

    self._interpreter = Interpreter(str(folder / 'model.tflite'))
    self.names = set(self._interpreter.get_signature_list())

  def __call__(self, name, **inputs):
    return self._interpreter.get_signature_runner(name)(**inputs)


class _Onnx:
  def __init__(self, folder):
    import onnxruntime

    self._sessions = {
      path.stem: onnxruntime.InferenceSession(str(path))
      for path in folder.glob('*.onnx')
    }
    self.names = set(self._sessions)

  def __call__(self, name, **inputs):
    session = self._sessions[name]
    names = [
      output.name.removesuffix('_out') for output in session.get_outputs()
    ]
    return dict(zip(names, session.run(None, inputs), strict=True))


_RUNTIMES = {'tflite': _LiteRT, 'onnx': _Onnx}


def _images(name, count):
  """Test images where there are any, else those of the digits, in its shape."""
  config = read_config(MODELS / name)
  folder = DATA / config.data.dataset
  if (folder / 't10k-images-idx3-ubyte.gz').is_file():
    source = datasets.open_source(config.data.dataset, 'test', str(folder))
    return source.fetch(tf.range(count, dtype=tf.int64))[0].numpy()
  digits = datasets.open_source('digits', 'test')
  small = digits.fetch(tf.range(count, dtype=tf.int64) % digits.num_examples)
  *size, channels = config.example_shape
  large = tf.image.resize(tf.cast(small[0], tf.float32), size)
  return np.repeat(np.asarray(large).round().astype(np.uint8), channels, -1)


@pytest.fixture(scope='module', params=['tflite', 'onnx'])
def mnist(request, tmp_path_factory):
  kind = request.param
  _runtime(kind)
  folder = tmp_path_factory.mktemp(kind) / 'mnist'
  found = rebuilt.from_export(MODELS / 'mnist')
  written = portable.export(found, folder, kind)
  return written, _RUNTIMES[kind](folder)


@pytest.fixture(scope='module')
def served():
  return tf.saved_model.load(str(MODELS / 'mnist')).signatures


def _assert_alike(found, wanted):
  assert set(found) >= set(wanted)
  for key, value in wanted.items():
    value = value.numpy()
    assert found[key].dtype == value.dtype and found[key].shape == value.shape
    if value.dtype.kind in 'iu':
      assert (found[key] != value).mean() <= _TIES, key
    elif key == 'code_bits':
      # A code that is nearly certain has few bits.
      np.testing.assert_allclose(found[key], value, rtol=_ROUNDING, atol=1e-4)
    else:
      np.testing.assert_allclose(found[key], value, rtol=_ROUNDING)


@pytest.mark.parametrize('size', SIZES)
def test_mnist_equals_its_saved_model(mnist, served, size):
  written, run = mnist
  assert run.names == set(written.signatures)
  images = _images('mnist', size)
  found = run('encode', images=images)
  _assert_alike(found, served['encode'](images=tf.constant(images)))
  # The same codes from here on: another one would cost other bits.
  codes = served['encode'](images=tf.constant(images))['codes'].numpy()
  labels = np.arange(size, dtype=np.int32) % 10
  for name, inputs in {
    'decode': {'codes': codes},
    'embed': {'codes': codes},
    'prior_nll': {'codes': codes, 'labels': labels},
  }.items():
    wanted = served[name](**{k: tf.constant(v) for k, v in inputs.items()})
    _assert_alike(run(name, **inputs), wanted)
  bits = run('pixel_bits', codes=codes, images=images)['pixel_bits']
  wanted = served['pixel_bits'](
    codes=tf.constant(codes), images=tf.constant(images)
  )
  np.testing.assert_allclose(bits, wanted['pixel_bits'], rtol=_ROUNDING)


def test_one_pass_gives_what_several_give(mnist, served):
  _, run = mnist
  images = _images('mnist', 64)
  found = run('assess', images=images)
  wanted = served['nll'](images=tf.constant(images))
  np.testing.assert_array_equal(
    found['codes'], run('encode', images=images)['codes']
  )
  np.testing.assert_array_equal(
    found['images'], run('reconstruct', images=images)['images']
  )
  bits = run('nll', images=images)
  same = (
    (found['codes'] == served['encode'](images=tf.constant(images))['codes'])
    .numpy()
    .all((1, 2, 3))
  )
  assert same.sum() >= 62
  for key, value in wanted.items():
    np.testing.assert_allclose(bits[key][same], value[same], rtol=_ROUNDING)


def test_what_lies_beside_the_model(mnist):
  written, _ = mnist
  assert written.left_out == {'sample': 'it draws random numbers in a loop'}
  known = json.loads((written.path / 'metadata.json').read_text())
  assert known['portable']['signatures'] == list(written.signatures)
  assert known['config']['data']['dataset'] == 'mnist'
  assert (written.path / 'README.md').read_text().startswith('# VQ-VAE on')


@pytest.mark.parametrize('kind', portable.FORMATS)
def test_of_a_decoder_that_draws(kind, tmp_path):
  _runtime(kind)
  path = MODELS / 'mnist_autoregressive'
  written = portable.export(rebuilt.from_export(path), tmp_path / 'x', kind)
  assert {'decode', 'reconstruct', 'sample'} == set(written.left_out)
  run = _RUNTIMES[kind](written.path)
  images = _images('mnist_autoregressive', 7)
  images = np.where(images > 127, 255, 0).astype(np.uint8)
  model = tf.saved_model.load(str(path)).signatures
  found = run('encode', images=images)
  _assert_alike(found, model['encode'](images=tf.constant(images)))
  _assert_alike(run('nll', images=images), model['nll'](images=images))


@pytest.mark.parametrize('kind', portable.FORMATS)
@pytest.mark.parametrize('name', ['fashion_mnist', 'cifar10'])
def test_several_codebooks_and_colours(kind, name, tmp_path):
  _runtime(kind)
  path = MODELS / name
  found = rebuilt.from_export(path)._replace(prior=None)
  written = portable.export(found, tmp_path / 'x', kind)
  assert not written.left_out
  run, images = _RUNTIMES[kind](written.path), _images(name, 43)
  model = tf.saved_model.load(str(path)).signatures
  codes = run('encode', images=images)
  _assert_alike(codes, model['encode'](images=tf.constant(images)))
  codes = codes['codes']
  _assert_alike(run('decode', codes=codes), model['decode'](codes=codes))
  bits = run('pixel_bits', codes=codes, images=images)['pixel_bits']
  wanted = model['pixel_bits'](codes=codes, images=images)['pixel_bits']
  np.testing.assert_allclose(bits, wanted, rtol=_ROUNDING)


@pytest.mark.parametrize('kind', portable.FORMATS)
def test_of_a_run_and_where_it_goes(kind, trained, tmp_path):
  _runtime(kind)
  found, target = rebuilt.from_run(Run(trained)), tmp_path / 'model'
  portable.export(found, target, kind)
  with pytest.raises(UserError, match='model exists already: .*--overwrite'):
    portable.export(found, target, kind)
  (target / 'metadata.json').unlink()
  with pytest.raises(UserError, match=f'no export with --format={kind}, so'):
    portable.export(found, target, kind, overwrite=True)
  (target / 'metadata.json').touch()
  portable.export(found, target, kind, overwrite=True)
  assert json.loads((target / 'metadata.json').read_text())['step'] > 0
  assert [path.name for path in tmp_path.iterdir()] == ['model']
  (tmp_path / 'file').touch()
  with pytest.raises(OSError, match='cannot write .*file/model'):
    portable.export(found, tmp_path / 'file' / 'model', kind)


@pytest.mark.parametrize(
  'kind, library, extra',
  [('tflite', 'ai_edge_litert', 'litert'), ('onnx', 'tf2onnx', 'onnx')],
)
def test_a_missing_library_names_its_extra(monkeypatch, kind, library, extra):
  _runtime(kind)
  monkeypatch.setitem(sys.modules, library, None)
  match = (
    rf'{library.replace("_", "-")}.*, which is not installed: '
    rf"pip install 'vqvae_tf\[{extra}\]'"
  )
  with pytest.raises(UserError, match=match):
    portable.check_installed(kind)
