"""The nearest-code search against a float64 search, in every mode."""

import operator

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.quantizers import nearest

EPS = np.finfo(np.float32).eps


def distances(inputs, codebook):
  x, e = inputs.astype(np.float64), codebook.astype(np.float64)
  return (x**2).sum(1)[:, None] - 2 * x @ e.T + (e**2).sum(1)


def search(mode, inputs, codebook):
  if mode == 'eager':
    return nearest.nearest_codes(inputs, codebook).numpy()
  signature = None
  if 'unknown' in mode:
    signature = [
      tf.TensorSpec([None, inputs.shape[1]]),
      tf.TensorSpec(codebook.shape),
    ]
  function = tf.function(
    nearest.nearest_codes, input_signature=signature, jit_compile='jit' in mode
  )
  return function(tf.constant(inputs), tf.constant(codebook)).numpy()


@pytest.fixture
def small_blocks(monkeypatch):
  """Many blocks in both directions, without large arrays."""
  monkeypatch.setattr(nearest, '_CPU_BLOCK', 2**9)
  monkeypatch.setattr(nearest, '_GPU_BLOCK', 2**9)
  monkeypatch.setattr(nearest, '_MAX_BLOCK_CODES', 2**5)


MODES = ['eager', 'graph', 'graph unknown', 'jit', 'jit unknown']


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('num_vectors', [0, 1, 17, 150])
@pytest.mark.parametrize('num_codes', [1, 70])
def test_equals_float64_search(small_blocks, mode, num_vectors, num_codes):
  rng = np.random.default_rng(0)
  inputs = rng.normal(size=[num_vectors, 4]).astype(np.float32)
  codebook = rng.normal(size=[num_codes, 4]).astype(np.float32)
  codes = search(mode, inputs, codebook)
  assert codes.dtype == np.int32
  np.testing.assert_array_equal(codes, distances(inputs, codebook).argmin(1))


@pytest.mark.parametrize('mean', [0, 1, 30])
@pytest.mark.parametrize('dim', [2, 64, 256])
def test_is_wrong_only_where_rounding_decides(mean, dim):
  rng = np.random.default_rng(1)
  inputs = (mean + rng.normal(size=[500, dim])).astype(np.float32)
  codebook = (mean + 0.3 * rng.normal(size=[600, dim])).astype(np.float32)
  exact = distances(inputs, codebook)
  codes = search('graph', inputs, codebook)
  rows = np.arange(500)
  excess = exact[rows, codes] - exact.min(1)
  sizes = (inputs.astype(np.float64) ** 2).sum(1) + (
    codebook.astype(np.float64) ** 2
  ).sum(1)[codes]
  # The scores are sums of D + 1 float32 products of that size.
  assert (excess <= 8 * EPS * sizes).all()


@pytest.mark.parametrize('mode', MODES)
def test_lowest_index_of_equals(small_blocks, mode):
  # Codes 5, 40 and 69 are equal: within a block and across blocks.
  codebook = np.full([70, 2], 9, np.float32)
  codebook[[5, 40, 69]] = [1, 2]
  codes = search(mode, np.array([[1, 2], [1, 3]], np.float32), codebook)
  assert codes.tolist() == [5, 5]
  same = search(
    mode, np.zeros([3, 2], np.float32), np.zeros([70, 2], np.float32)
  )
  assert same.tolist() == [0, 0, 0]


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_non_finite_vectors_get_a_code_in_range(small_blocks, mode, bad):
  rng = np.random.default_rng(2)
  inputs = rng.normal(size=[40, 3]).astype(np.float32)
  inputs[7] = bad
  codebook = rng.normal(size=[35, 3]).astype(np.float32)
  codes = search(mode, inputs, codebook)
  assert 0 <= codes.min() and codes.max() < 35
  others = np.arange(40) != 7
  np.testing.assert_array_equal(
    codes[others], distances(inputs[others], codebook).argmin(1)
  )


def test_static_shape_is_kept(small_blocks):
  function = tf.function(nearest.nearest_codes)
  concrete = function.get_concrete_function(
    tf.TensorSpec([100, 4]), tf.TensorSpec([70, 4])
  )
  assert concrete.output_shapes == [100]


def test_float64():
  rng = np.random.default_rng(3)
  inputs, codebook = rng.normal(size=[50, 6]), rng.normal(size=[33, 6])
  np.testing.assert_array_equal(
    nearest.nearest_codes(inputs, codebook),
    distances(inputs, codebook).argmin(1),
  )


def test_no_gradient_flows():
  inputs, codebook = tf.ones([4, 2]), tf.eye(2)
  with tf.GradientTape() as tape:
    tape.watch([inputs, codebook])
    codes = tf.cast(nearest.nearest_codes(inputs, codebook), tf.float32)
  assert tape.gradient(codes, [inputs, codebook]) == [None, None]


def test_no_array_of_all_vectors_and_all_codes():
  concrete = tf.function(nearest.nearest_codes).get_concrete_function(
    tf.TensorSpec([2**16, 8]), tf.TensorSpec([512, 8])
  )
  graph = concrete.graph.as_graph_def(add_shapes=True)
  functions = operator.attrgetter('library.function')(graph)
  nodes = list(graph.node) + [
    node for function in functions for node in function.node_def
  ]
  sizes = [
    np.prod([dim.size for dim in shape.dim])
    for node in nodes
    for shape in node.attr['_output_shapes'].list.shape
  ]
  # All scores would be 2**25 numbers, a block has 2**20.
  assert 2**19 < max(sizes) <= 2**20


def test_split_factors_multiply_to_float32_accuracy():
  rng = np.random.default_rng(4)
  a = rng.normal(size=[20, 64]).astype(np.float32)
  b = rng.normal(size=[64, 30]).astype(np.float32)
  left = nearest._split_factor(tf.constant(a), 1, repeat_high=True)
  right = nearest._split_factor(tf.constant(b), 0, repeat_high=False)
  assert left.shape == [20, 192] and right.shape == [192, 30]

  def tf32(x):
    """Rounds to the 11 significant bits that the tensor cores keep."""
    mantissa, exponent = np.frexp(np.asarray(x))
    return np.ldexp(np.round(mantissa * 2**11) / 2**11, exponent)

  exact = a.astype(np.float64) @ b.astype(np.float64)
  error = tf32(left).astype(np.float64) @ tf32(right) - exact
  size = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=0)
  assert np.abs(error / size).max() < 2 * EPS
  # Without the split the error is some hundred times that.
  single = tf32(a).astype(np.float64) @ tf32(b) - exact
  assert np.abs(single / size).max() > 100 * EPS


def test_wrong_shapes_are_refused():
  with pytest.raises(ValueError, match='last dimension 3, the codebook has 4'):
    nearest.nearest_codes(tf.zeros([2, 3]), tf.zeros([5, 4]))
  with pytest.raises(ValueError, match='K >= 1'):
    nearest.nearest_codes(tf.zeros([2, 3]), tf.zeros([0, 3]))
