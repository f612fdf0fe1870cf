"""The laws that every quantizer obeys; a new one joins `cases.py`."""

import importlib
import inspect
import math
import pkgutil

import numpy as np
import pytest
import tensorflow as tf
from cases import QUANTIZERS, Subject, train, values, vectors

from vqvae_tf import quantizers
from vqvae_tf.quantizers import Quantizer


@pytest.fixture(scope='module', params=QUANTIZERS)
def subject(request):
  return Subject(QUANTIZERS[request.param])


@pytest.fixture
def quantizer(subject):
  subject.restore()
  return subject.module


def subclasses(cls):
  return {cls}.union(*map(subclasses, cls.__subclasses__()))


def test_no_quantizer_is_forgotten():
  for module in pkgutil.iter_modules(quantizers.__path__):
    importlib.import_module(f'{quantizers.__name__}.{module.name}')
  found = {
    cls
    for cls in subclasses(Quantizer)
    if cls.__module__.startswith('vqvae_tf.')
    and not cls.__name__.startswith('_')
    and not inspect.isabstract(cls)
    and cls.forward is not Quantizer.forward
  }
  assert found == {type(make()) for make in QUANTIZERS.values()}
  assert {cls.__name__ for cls in found} <= set(quantizers.__all__)


def test_a_forgotten_quantizer_would_be_found():
  class Another(Quantizer):
    pass

  assert Another in subclasses(Quantizer)


def test_shapes_dtypes_and_range(quantizer):
  inputs = vectors(quantizer)
  result = quantizer.forward(inputs, is_training=False)
  assert result.vectors.shape == inputs.shape
  assert result.vectors.dtype == inputs.dtype
  assert result.loss.shape == ()
  assert result.loss.dtype.is_floating
  assert np.isfinite(result.loss)
  sizes = quantizer.codebook_sizes
  assert result.codes.dtype == tf.int32
  assert result.codes.shape == (2, 3, 5, len(sizes))
  assert (result.codes.numpy() >= 0).all()
  assert (result.codes.numpy() < np.array(sizes)).all()


@pytest.mark.parametrize('shape', [(), (7,), (2, 3, 5), (1, 2, 3, 4)])
def test_decoded_codes_are_the_evaluation_pass(quantizer, shape):
  inputs = vectors(quantizer, 9, shape)
  result = quantizer.forward(inputs, is_training=False)
  codes = quantizer.encode(inputs)
  assert codes.dtype == tf.int32
  np.testing.assert_array_equal(codes, result.codes)
  decoded = quantizer.decode(codes)
  assert decoded.dtype == result.vectors.dtype
  np.testing.assert_array_equal(decoded, result.vectors)


def test_codebooks_are_its_embeddings(quantizer):
  named = [
    v for v in quantizer.variables if v.name.split('/')[-1] == 'embeddings:0'
  ]
  codebooks = quantizer.codebooks
  assert {id(v) for v in codebooks} == {id(v) for v in named}
  assert len(codebooks) == len(named)
  assert {v.shape[1] for v in codebooks} <= set(quantizer.codebook_sizes)


def test_weights_beside_codebooks_learn_from_vectors(quantizer):
  codebooks = {id(codebook) for codebook in quantizer.codebooks}
  trained = [v for v in quantizer.variables if v.trainable]
  others = [v for v in trained if id(v) not in codebooks]
  assert bool(others) == quantizer.learns_from_vectors


def test_no_vector_no_code(quantizer):
  codes = quantizer.encode(vectors(quantizer, shape=(0, 2)))
  assert codes.shape == (0, 2, len(quantizer.codebook_sizes))
  assert quantizer.decode(codes).shape == (0, 2, quantizer.embedding_dim)


def test_every_code_has_a_vector(quantizer):
  sizes = quantizer.codebook_sizes
  for m, size in enumerate(sizes):
    codes = np.zeros([size, len(sizes)], np.int32)
    codes[:, m] = np.arange(size)
    decoded = quantizer.decode(codes).numpy()
    assert decoded.shape == (size, quantizer.embedding_dim)
    assert np.isfinite(decoded).all()
    assert len(np.unique(decoded, axis=0)) == size


def test_bits_per_position(quantizer):
  expected = sum(math.log2(size) for size in quantizer.codebook_sizes)
  assert quantizer.bits_per_position == expected


def test_gradient_reaches_the_inputs(quantizer):
  inputs = vectors(quantizer)
  with tf.GradientTape() as tape:
    tape.watch(inputs)
    output = quantizer.forward(inputs, is_training=False).vectors
  gradient = tape.gradient(output, inputs).numpy()
  assert np.isfinite(gradient).all()
  assert (gradient != 0).any(axis=-1).all()


def test_evaluation_moves_nothing(quantizer):
  before = values(quantizer)
  inputs = vectors(quantizer, 9)
  quantizer.forward(inputs, is_training=False)
  quantizer.decode(quantizer.encode(inputs))
  for a, b in zip(before, values(quantizer), strict=True):
    np.testing.assert_array_equal(a, b)


def assert_close(result, expected):
  np.testing.assert_array_equal(result.codes, expected.codes)
  # float32: a graph adds in another order.
  for a, b in zip(result, expected, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


# The last batch is of none.
SHAPES = [(2, 3), (4, 1), (0, 2)]


@pytest.mark.parametrize('is_training', [False, True])
def test_a_graph_does_as_it_is_told(subject, quantizer, is_training):
  inputs = [vectors(quantizer, i, shape) for i, shape in enumerate(SHAPES)]
  expected = [quantizer.forward(x, is_training) for x in inputs]
  moved = values(quantizer)
  subject.restore()
  for x, each in zip(inputs, expected, strict=True):
    assert_close(subject.graph(x, is_training), each)
  for a, b in zip(values(quantizer), moved, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_xla_does_as_told(subject, quantizer):
  inputs = vectors(quantizer, 3, (2, 3))
  assert_close(subject.jit(inputs, False), quantizer.forward(inputs, False))


@pytest.mark.parametrize('is_training', [False, True])
def test_a_batch_of_none_costs_nothing(subject, quantizer, is_training):
  inputs = vectors(quantizer, shape=(0, 2))
  compiled = [subject.graph, *([subject.jit] if is_training else [])]
  for forward in (quantizer.forward, *compiled):
    result = forward(inputs, is_training)
    assert result.loss.numpy() == 0
    assert result.vectors.shape == inputs.shape
    assert result.codes.shape == (0, 2, len(quantizer.codebook_sizes))
    for value in values(quantizer):
      assert np.isfinite(value).all()


def test_a_new_one_begins_with_a_batch_of_none(subject):
  """The first batch, at which a codebook may start, has no vector."""
  module = subject.make()
  result = module.forward(vectors(module, shape=(0, 2)), is_training=True)
  assert result.loss.numpy() == 0
  module.forward(vectors(module), is_training=True)
  for value in values(module):
    assert np.isfinite(value).all()


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_vectors_that_are_not_finite_move_nothing(subject, quantizer, bad):
  inputs = vectors(quantizer, 9, (2, 3)).numpy()
  inputs[1, 0] = bad
  finite = np.isfinite(inputs).all(-1)
  quantizer.forward(inputs, True, finite)
  expected = values(quantizer)
  subject.restore()
  result = subject.graph(inputs, True)
  assert np.isnan(result.loss)
  np.testing.assert_array_equal(result.finite, finite)
  codes = result.codes.numpy()
  assert (0 <= codes).all() and (codes < quantizer.codebook_sizes).all()
  for a, b in zip(values(quantizer), expected, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_no_gradient_ruins_a_codebook(quantizer):
  inputs = vectors(quantizer).numpy()
  inputs[1, 0, 0, -1] = np.nan
  with tf.GradientTape() as tape:
    loss = quantizer.forward(inputs, True).loss
  books = [book for book in quantizer.codebooks if book.trainable]
  for gradient in tape.gradient(loss, books):
    assert np.isfinite(gradient).all()


def test_vectors_that_are_not_finite_have_no_code(quantizer):
  inputs = vectors(quantizer, shape=(7,)).numpy()
  inputs[2, 0] = inputs[3, 0] = np.nan
  with pytest.raises(ValueError, match='no code: 2 of 7'):
    quantizer.encode(inputs)


def test_function_of_unknown_last_dimension(quantizer):
  spec = tf.TensorSpec([None, None])
  forward = tf.function(
    lambda x: (quantizer.forward(x, False).codes, quantizer.encode(x)),
    input_signature=[spec],
    autograph=False,
  )
  inputs = vectors(quantizer, shape=(7,))
  for codes in forward(inputs):
    np.testing.assert_array_equal(codes, quantizer.encode(inputs))


@pytest.mark.parametrize('jit_compile', [False, True])
def test_training_quantizes_before_it_moves(subject, quantizer, jit_compile):
  forward = subject.jit if jit_compile else subject.graph
  for step in range(2):
    inputs = vectors(quantizer, step, (4, 3))
    codes = quantizer.encode(inputs)
    decoded = quantizer.decode(codes)
    result = forward(inputs, True)
    np.testing.assert_array_equal(result.codes, codes)
    if not getattr(quantizer, 'dropout', 0):
      # On some processors XLA adds up the products of a projection in another
      # order: the last bits of numbers around 1 may differ.
      tolerance = 1e-6 if jit_compile else 0
      np.testing.assert_allclose(result.vectors, decoded, 0, tolerance)
    for value in values(quantizer):
      assert np.isfinite(value).all()


def test_saved_and_restored_it_goes_on_as_before(subject, quantizer, tmp_path):
  path = tf.train.Checkpoint(q=quantizer).write(str(tmp_path / 'weights'))
  tf.random.set_seed(1)
  other = subject.make()
  tf.train.Checkpoint(q=other).read(path).assert_consumed()
  inputs = vectors(quantizer, 9)
  np.testing.assert_array_equal(other.encode(inputs), quantizer.encode(inputs))
  train(quantizer, range(3, 6))
  train(other, range(3, 6))
  for a, b in zip(values(other), values(quantizer), strict=True):
    np.testing.assert_array_equal(a, b)


class Served(tf.Module):
  """What an export of a quantizer looks like."""

  def __init__(self, quantizer):
    super().__init__()
    self.quantizer = quantizer
    inputs = tf.TensorSpec([None, 3, quantizer.embedding_dim])
    codes = tf.TensorSpec([None, 3, len(quantizer.codebook_sizes)], tf.int32)
    self.encode = tf.function(quantizer.encode, [inputs], autograph=False)
    self.decode = tf.function(quantizer.decode, [codes], autograph=False)


def test_saved_model_equals_python(quantizer, tmp_path):
  tf.saved_model.save(Served(quantizer), str(tmp_path))
  served = tf.saved_model.load(str(tmp_path))
  for size in (1, 4):
    inputs = vectors(quantizer, size, (size, 3))
    codes = quantizer.encode(inputs)
    np.testing.assert_array_equal(served.encode(inputs), codes)
    np.testing.assert_array_equal(served.decode(codes), quantizer.decode(codes))
  bad = tf.fill([1, 3, len(quantizer.codebook_sizes)], -1)
  with pytest.raises(tf.errors.InvalidArgumentError, match='out of range'):
    served.decode(bad)


@pytest.mark.parametrize('graph', [False, True])
def test_codes_out_of_range_are_refused(quantizer, graph):
  decode = quantizer.decode
  if graph:
    decode = tf.function(decode, autograph=False)
  sizes = quantizer.codebook_sizes
  for m, size in enumerate(sizes):
    for code in (-1, size):
      codes = np.zeros([2, len(sizes)], np.int32)
      codes[1, m] = code
      with pytest.raises(
        tf.errors.InvalidArgumentError, match=rf'out of range.*0\.\.{size - 1}'
      ):
        decode(codes)


def test_codes_of_another_kind_are_refused(quantizer):
  count = len(quantizer.codebook_sizes)
  with pytest.raises(ValueError, match='must be integers, not float32'):
    quantizer.decode(tf.zeros([2, count]))
  with pytest.raises(ValueError, match='the number of codebooks'):
    quantizer.decode(tf.zeros([2, count + 1], tf.int32))


@pytest.mark.parametrize('method', ['encode', 'forward'])
def test_vectors_of_another_size_are_refused(quantizer, method):
  dim = quantizer.embedding_dim
  arguments = [False] if method == 'forward' else []
  with pytest.raises(
    ValueError, match=f'(?s){dim + 1}.*{dim}|{dim}.*{dim + 1}'
  ):
    getattr(quantizer, method)(tf.zeros([2, dim + 1]), *arguments)
