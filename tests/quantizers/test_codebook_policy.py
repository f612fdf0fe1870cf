"""The codebook policies: where codes start, what becomes of unused ones."""

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from vqvae_tf.quantizers import (
  CodebookPolicy,
  VectorQuantizer,
  VectorQuantizerEMA,
)

D, K = 4, 12


def make(kind, **policy):
  policy = CodebookPolicy(**policy)
  if kind == 'ema':
    return VectorQuantizerEMA(D, K, 0.25, 0.9, policy=policy)
  return VectorQuantizer(D, K, 0.25, policy=policy)


def vectors(step):
  return tf.random.stateless_normal([3, 5, D], [7, step])


def train_step(module, optimizer, inputs):
  with tf.GradientTape() as tape:
    loss = module(inputs, True)['loss']
  variables = [v for v in module.variables if v.trainable]
  if variables:
    optimizer.apply(tape.gradient(loss, variables), variables)


kinds = pytest.mark.parametrize('kind', ['gradient', 'ema'])


def test_unused_code_is_kept_exactly():
  module = make('ema', unused_codes='keep')
  far = module.embeddings[:, -1] + 50.0
  module.embeddings[:, -1].assign(far)
  for step in range(50):
    module(vectors(step), True)
  np.testing.assert_array_equal(module.embeddings[:, -1], far)
  # Sonnet's rule makes it zero at once.
  sonnet = make('ema')
  sonnet.embeddings[:, -1].assign(far)
  sonnet(vectors(0), True)
  assert not sonnet.embeddings[:, -1].numpy().any()


def test_code_used_once_is_kept():
  module = make('ema', unused_codes='keep')
  module.embeddings[:, -1].assign([40.0] * D)
  module(tf.fill([1, D], 41.0), True)
  for step in range(50):
    module(vectors(step), True)
  # The quotient of two averages that shrink alike, a rounding per step.
  np.testing.assert_allclose(module.embeddings[:, -1], [41.0] * D, rtol=1e-5)


@kinds
@pytest.mark.parametrize('jit', [False, True])
@pytest.mark.parametrize('initialization', ['data', 'kmeans++'])
def test_starts_from_the_first_training_batch(kind, jit, initialization):
  module = make(kind, initialization=initialization)
  call = tf.function(module, jit_compile=jit)
  before = module.embeddings.numpy()
  call(vectors(0), False)
  np.testing.assert_array_equal(module.embeddings, before)
  outputs = call(vectors(0), True)
  # 12 of 15 vectors are codes of their own: they quantize to themselves.
  distances = tf.reduce_sum((outputs['quantize'] - vectors(0)) ** 2, -1)
  assert (distances.numpy() == 0).sum() == K
  assert outputs['distances'].numpy().min(0).max() < 1e-5  # rounding
  # And no second start: these vectors would be codes of their own as well.
  outputs = call(vectors(1), True)
  distances = tf.reduce_sum((outputs['quantize'] - vectors(1)) ** 2, -1)
  assert distances.numpy().min() > 0


def shifted(step):
  """A batch whose mean is far from all initial codes."""
  return 1 + 0.3 * tf.random.stateless_normal([256, 16], [3, step])


@kinds
@pytest.mark.parametrize(
  # With restarts a few codes are always on their way.
  'unused_codes,least,most',
  [('sonnet', 0, 40), ('restart', 116, 128)],
)
def test_restarts_bring_codes_into_use(kind, unused_codes, least, most):
  tf.random.set_seed(0)
  policy = CodebookPolicy(unused_codes=unused_codes)
  if kind == 'ema':
    module = VectorQuantizerEMA(16, 128, 0.25, 0.9, policy=policy)
  else:
    module = VectorQuantizer(16, 128, 0.25, policy=policy)
  optimizer = snt.optimizers.SGD(5.0)
  step = tf.function(train_step)
  for i in range(100):
    step(module, optimizer, shifted(i))
  test = tf.concat([shifted(10_000 + i) for i in range(8)], 0)
  assert least <= len(np.unique(module.encode(test))) <= most


@kinds
@pytest.mark.parametrize('jit', [False, True])
def test_resumes_bit_for_bit(kind, jit, tmp_path):
  policy = {'initialization': 'kmeans++', 'unused_codes': 'restart'}

  def run(module, steps):
    call = tf.function(module, jit_compile=jit)
    for step in steps:
      call(vectors(step), True)

  module, resumed = make(kind, **policy), make(kind, **policy)
  run(module, range(4))
  path = tf.train.Checkpoint(vq=module).save(str(tmp_path / 'vq'))
  run(module, range(4, 8))
  tf.train.Checkpoint(vq=resumed).restore(path).assert_consumed()
  run(resumed, range(4, 8))
  for mine, theirs in zip(resumed.variables, module.variables, strict=True):
    np.testing.assert_array_equal(mine, theirs)


def test_restart_resets_vector_count_and_sum_together():
  module = make('ema', unused_codes='restart')
  for step in range(5):
    module(vectors(step), True)
    np.testing.assert_allclose(
      module.ema_dw.value,
      module.embeddings * module.ema_cluster_size.value,
      rtol=1e-4,
      atol=1e-5,
    )  # quotients of float32 numbers
    for average in (module.ema_dw, module.ema_cluster_size):
      hidden = average._hidden / (1 - 0.9 ** (step + 1))
      np.testing.assert_allclose(hidden, average.value, rtol=1e-5, atol=1e-6)
