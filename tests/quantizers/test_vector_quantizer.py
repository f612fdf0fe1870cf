"""The vector quantizers against Sonnet's, and where they go beyond it."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from vqvae_tf.quantizers import (
  Quantizer,
  VectorQuantizer,
  VectorQuantizerEMA,
  nearest,
)

D, K = 4, 12
KEYS = (
  'quantize',
  'loss',
  'perplexity',
  'encodings',
  'encoding_indices',
  'distances',
)


def make(kind, ours, dtype=tf.float32):
  keywords = {'dtype': dtype}
  if kind == 'ema':
    # Sonnet's averages in float64 need a decay in float64.
    decay = 0.9 if dtype == tf.float32 else tf.constant(0.9, dtype)
    cls = VectorQuantizerEMA if ours else snt.nets.VectorQuantizerEMA
    return cls(D, K, 0.25, decay, **keywords)
  cls = VectorQuantizer if ours else snt.nets.VectorQuantizer
  return cls(D, K, 0.25, **keywords)


def pair(kind, dtype, tmp_path):
  """Sonnet's module and ours with its variables."""
  sonnet, ours = make(kind, False, dtype), make(kind, True, dtype)
  path = tf.train.Checkpoint(vq=sonnet).save(str(tmp_path / 'sonnet'))
  tf.train.Checkpoint(vq=ours).restore(path).assert_consumed()
  return sonnet, ours


def vectors(step, dtype=tf.float32, shape=(3, 5, D)):
  return tf.random.stateless_normal(shape, [7, step], dtype=dtype)


def train_step(module, optimizer, inputs):
  with tf.GradientTape() as tape:
    outputs = module(inputs, True)
  variables = [v for v in module.variables if v.trainable]
  if variables:
    optimizer.apply(tape.gradient(outputs['loss'], variables), variables)
  return outputs


kinds = pytest.mark.parametrize('kind', ['gradient', 'ema'])


@kinds
@pytest.mark.parametrize('dtype', [tf.float32, tf.float64])
@pytest.mark.parametrize('is_training', [False, True])
def test_outputs_are_sonnets(kind, dtype, is_training, tmp_path):
  sonnet, ours = pair(kind, dtype, tmp_path)
  # float32 differs by the order of additions and in the last bit of
  # straight-through.
  rtol = 1e-6 if dtype == tf.float32 else 1e-14
  for step in range(2):
    inputs = vectors(step, dtype)
    expected, actual = sonnet(inputs, is_training), ours(inputs, is_training)
    assert tuple(actual) == tuple(expected) == KEYS
    for key in KEYS:
      assert actual[key].dtype == expected[key].dtype, key
      assert actual[key].shape == expected[key].shape, key
      np.testing.assert_allclose(
        actual[key], expected[key], rtol=rtol, atol=rtol, err_msg=key
      )
    for mine, theirs in zip(ours.variables, sonnet.variables, strict=True):
      assert mine.name == theirs.name
      np.testing.assert_allclose(mine, theirs, rtol=rtol, atol=rtol)


@kinds
@pytest.mark.parametrize('key', [*KEYS, 'all'])
def test_gradients_are_sonnets(kind, key, tmp_path):
  def gradients(module):
    inputs = vectors(0, tf.float64)
    with tf.GradientTape() as tape:
      tape.watch([inputs, module.embeddings])
      outputs = module(inputs, False)
      keys = ('quantize', 'loss', 'distances') if key == 'all' else (key,)
      value = sum(
        tf.reduce_sum(tf.sin(tf.cast(outputs[k], tf.float64))) for k in keys
      )
    return tape.gradient(value, [inputs, module.embeddings])

  sonnet, ours = pair(kind, tf.float64, tmp_path)
  for expected, actual in zip(gradients(sonnet), gradients(ours), strict=True):
    assert (actual is None) == (expected is None)
    if expected is not None:
      np.testing.assert_allclose(
        tf.convert_to_tensor(actual),
        tf.convert_to_tensor(expected),
        rtol=1e-12,
        atol=1e-14,
      )  # a few roundings in float64


@kinds
def test_codebook_after_200_steps_is_sonnets(kind, tmp_path):
  finals = []
  for module in pair(kind, tf.float64, tmp_path):
    step = tf.function(train_step)
    optimizer = snt.optimizers.SGD(tf.constant(0.5, tf.float64))
    for i in range(200):
      step(module, optimizer, vectors(i, tf.float64, (40, D)))
    finals.append(module.embeddings.numpy())
  np.testing.assert_allclose(
    finals[1], finals[0], rtol=1e-12, atol=1e-12
  )  # the promised tolerance


@kinds
def test_float32_run_without_near_ties(kind, tmp_path):
  # Vectors within 0.05 of corners at distance 2: rounding flips no code.
  corners = tf.constant(
    [
      [x, y, z, 1.0]
      for x in (-1.0, 1.0)
      for y in (-1.0, 1.0)
      for z in (-1.0, 1.0)
    ]
  )
  finals = []
  for module in pair(kind, tf.float32, tmp_path):
    module.embeddings.assign(
      tf.transpose(tf.concat([0.9 * corners, 10 + corners[:4]], 0))
    )
    step = tf.function(train_step)
    optimizer = snt.optimizers.SGD(0.5)
    for i in range(50):
      noise = tf.random.stateless_uniform(
        [5, 8, D], [9, i], minval=-0.05, maxval=0.05
      )
      indices = step(module, optimizer, corners + noise)['encoding_indices']
    np.testing.assert_array_equal(indices, [range(8)] * 5)
    finals.append(module.embeddings.numpy())
  # 50 steps of a few roundings each.
  np.testing.assert_allclose(finals[1], finals[0], rtol=1e-5, atol=1e-7)


@kinds
def test_checkpoints_restore_both_ways(kind, tmp_path):
  for source_is_ours in (False, True):
    source = make(kind, source_is_ours)
    source(vectors(0), True)
    path = tf.train.Checkpoint(vq=source).save(str(tmp_path / 'vq'))
    target = make(kind, not source_is_ours)
    tf.train.Checkpoint(vq=target).restore(path).assert_consumed()
    for mine, theirs in zip(target.variables, source.variables, strict=True):
      np.testing.assert_array_equal(mine, theirs)
    # Step counter included, the next step is the same.
    source(vectors(1), True)
    target(vectors(1), True)
    np.testing.assert_allclose(
      target.embeddings, source.embeddings, rtol=1e-5, atol=1e-6
    )


@kinds
def test_equal_initial_codebook_under_equal_seed(kind):
  codebooks = []
  for ours in (False, True):
    tf.random.set_seed(5)
    codebooks.append(make(kind, ours).embeddings.numpy())
  np.testing.assert_array_equal(*codebooks)


def test_ema_step_by_hand():
  module = VectorQuantizerEMA(1, 2, 0.5, 0.9, epsilon=0.0)
  module.embeddings.assign([[0.0, 10.0]])
  outputs = module(tf.constant([[1.0], [3.0], [12.0]]), True)
  assert outputs['encoding_indices'].numpy().tolist() == [0, 0, 1]
  # Quantized before the update; (1 + 9 + 4) / 3 times the commitment cost.
  assert outputs['quantize'].numpy().tolist() == [[0.0], [0.0], [10.0]]
  assert outputs['loss'].numpy() == pytest.approx(0.5 * 14 / 3)
  # The debiased average of one step is that step's mean.
  assert module.embeddings.numpy()[0] == pytest.approx([2.0, 12.0])


@kinds
@pytest.mark.parametrize('unknown', [False, True])
@pytest.mark.parametrize('jit', [False, True])
def test_function_equals_eager(kind, unknown, jit):
  eager, graph = make(kind, True), make(kind, True)
  graph.embeddings.assign(eager.embeddings)
  shape = [None, None, D] if unknown else [3, 5, D]
  function = tf.function(
    lambda x: graph(x, True),
    jit_compile=jit,
    input_signature=[tf.TensorSpec(shape)],
  )
  expected, actual = eager(vectors(0), True), function(vectors(0))
  for key in KEYS:
    np.testing.assert_allclose(actual[key], expected[key], rtol=1e-5, atol=1e-6)
  np.testing.assert_allclose(
    graph.embeddings, eager.embeddings, rtol=1e-5, atol=1e-6
  )


@kinds
def test_a_tensor_tells_whether_it_trains(kind, tmp_path):
  """As Sonnet's takes it, in one graph for both."""
  modules = pair(kind, tf.float64, tmp_path)
  calls = [tf.function(module) for module in modules]
  for step, is_training in enumerate([True, False, True, False]):
    inputs = vectors(step, tf.float64)
    expected, actual = (
      call(inputs, tf.constant(is_training)) for call in calls
    )
    for key in KEYS:
      np.testing.assert_allclose(actual[key], expected[key], 1e-12, 1e-12)
    np.testing.assert_allclose(
      modules[1].embeddings, modules[0].embeddings, 1e-12, 1e-12
    )


def test_a_tensor_tells_xla_too():
  module, eager = make('ema', True), make('ema', True)
  module.embeddings.assign(eager.embeddings)
  call = tf.function(module.forward, jit_compile=True)
  for is_training in (False, True, False):
    inputs = vectors(0)
    expected = eager.forward(inputs, tf.constant(is_training))
    actual = call(inputs, tf.constant(is_training))
    np.testing.assert_allclose(actual.loss, expected.loss, rtol=1e-5)
    # float32: XLA adds in another order.
    np.testing.assert_allclose(
      module.embeddings, eager.embeddings, rtol=1e-5, atol=1e-6
    )


def reached_ops(concrete):
  """The operations that a function's outputs and side effects need."""
  graph = concrete.graph
  reached = set()
  stack = [output.op for output in graph.outputs] + list(graph.control_outputs)
  while stack:
    op = stack.pop()
    if op not in reached:
      reached.add(op)
      stack += [tensor.op for tensor in op.inputs] + list(op.control_inputs)
  return reached


@kinds
def test_what_nobody_reads_is_pruned(kind, monkeypatch):
  # Blocks of four vectors: an array of [15, K] cannot be the search's.
  monkeypatch.setattr(nearest, '_CPU_BLOCK', 4 * K)
  monkeypatch.setattr(nearest, '_GPU_BLOCK', 4 * K)
  module = make(kind, True)

  def ops_and_shapes(keys):
    function = tf.function(
      lambda inputs: {key: module(inputs, True)[key] for key in keys}
    )
    ops = reached_ops(function.get_concrete_function(tf.TensorSpec([3, 5, D])))
    return (
      {op.type for op in ops},
      {str(output.shape) for op in ops for output in op.outputs},
    )

  ops, shapes = ops_and_shapes(
    ['quantize', 'loss', 'perplexity', 'encoding_indices']
  )
  assert 'OneHot' not in ops and '(15, 12)' not in shapes
  assert 'OneHot' in ops_and_shapes(['encodings'])[0]
  assert '(15, 12)' in ops_and_shapes(['distances'])[1]


@kinds
@pytest.mark.parametrize('dtype', [tf.bfloat16, tf.float16])
def test_half_precision_inputs(kind, dtype):
  module, exact = make(kind, True), make(kind, True)
  exact.embeddings.assign(module.embeddings)
  inputs = tf.cast(vectors(0), dtype)
  with tf.GradientTape() as tape:
    tape.watch(inputs)
    outputs = module(inputs, True)
  assert outputs['quantize'].dtype == dtype
  assert tape.gradient(outputs['loss'], inputs).dtype == dtype
  expected = exact(tf.cast(inputs, tf.float32), True)
  for key in ('loss', 'perplexity', 'distances', 'encoding_indices'):
    assert outputs[key].dtype == expected[key].dtype
    np.testing.assert_allclose(outputs[key], expected[key], rtol=1e-6)
  np.testing.assert_allclose(module.embeddings, exact.embeddings, rtol=1e-6)


@kinds
def test_wrong_arguments_are_refused(kind):
  module = make(kind, True)
  with pytest.raises(ValueError, match='last dimension 3, but .* is 4'):
    module(tf.zeros([8, 3]), False)
  with pytest.raises(ValueError, match='last dimension 3, but .* is 4'):
    module.encode(tf.zeros([8, 3]))
  for dtype in (tf.int32, tf.float64):
    with pytest.raises(
      ValueError,
      match=f'inputs are {dtype.name}, but the codebook is float32: cast',
    ):
      module(tf.zeros([8, D], dtype), False)
  with pytest.raises(ValueError, match='use dtype=tf.float32'):
    VectorQuantizer(D, K, 0.25, dtype=tf.bfloat16)
  with pytest.raises(ValueError, match=r'decay must be in \[0, 1\), not 1.1'):
    VectorQuantizerEMA(D, K, 0.25, 1.1)


@kinds
def test_is_a_quantizer(kind):
  module = make(kind, True)
  assert isinstance(module, Quantizer)
  assert module.codebook_sizes == (K,)
  assert module.bits_per_position == pytest.approx(np.log2(12))
  result = module.forward(vectors(0), False)
  codes = module.encode(vectors(0))
  assert codes.dtype == tf.int32 and codes.shape == [3, 5, 1]
  np.testing.assert_array_equal(codes, result.codes)
  # To the bit: a decoder sees the same vectors with and without the encoder.
  np.testing.assert_array_equal(module.decode(codes), result.vectors)
  np.testing.assert_array_equal(
    module.encode(tf.transpose(module.embeddings))[:, 0], range(K)
  )
  np.testing.assert_array_equal(module.quantize(codes[..., 0]), result.vectors)
  with pytest.raises(tf.errors.InvalidArgumentError, match=r'0\.\.11'):
    module.decode(tf.constant([[12]]))
