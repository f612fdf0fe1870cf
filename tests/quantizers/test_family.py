"""Product, residual, finite scalar, lookup-free and cosine quantizers."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.quantizers import (
  CodebookPolicy,
  CosineQuantizer,
  FiniteScalarQuantizer,
  LookupFreeQuantizer,
  ProductQuantizer,
  ResidualQuantizer,
  VectorQuantizer,
  VectorQuantizerEMA,
)


def fixed(embeddings):
  """A quantizer with the codes in the rows of `embeddings`."""
  embeddings = np.array(embeddings, np.float32)
  module = VectorQuantizer(embeddings.shape[1], len(embeddings), 0.25)
  module.embeddings.assign(embeddings.T)
  return module


def gradient_of_sum(module, inputs):
  inputs = tf.constant(inputs)
  with tf.GradientTape() as tape:
    tape.watch(inputs)
    output = tf.reduce_sum(module.forward(inputs, False).vectors)
  return tape.gradient(output, inputs).numpy()


def test_product_by_hand():
  module = ProductQuantizer(
    [fixed([[0.0, 0.0], [1.0, 1.0]]), fixed([[0.0], [5.0], [9.0]])]
  )
  assert module.embedding_dim == 3 and module.codebook_sizes == (2, 3)
  result = module.forward(tf.constant([[0.9, 1.0, 8.0]]), False)
  assert result.codes.numpy().tolist() == [[1, 2]]
  assert result.vectors.numpy().tolist() == [[1, 1, 9]]
  # (1 + beta) times the mean square of (0.1, 0, 1) over all elements.
  assert result.loss.numpy() == pytest.approx(1.25 * 1.01 / 3)


def test_product_of_whole_and_of_parts_agree():
  whole = fixed(list(itertools.product([0.0, 1.0], [0.0, 1.0])))
  module = ProductQuantizer([fixed([[0.0], [1.0]]), fixed([[0.0], [1.0]])])
  inputs = tf.random.stateless_uniform([30, 2], [1, 2])
  a, b = whole.forward(inputs, False), module.forward(inputs, False)
  np.testing.assert_array_equal(a.vectors, b.vectors)
  assert a.loss.numpy() == pytest.approx(b.loss.numpy(), rel=1e-6)


def test_residual_by_hand():
  stages = [
    fixed([[0.0], [10.0]]),
    fixed([[-1.0], [2.0]]),
    fixed([[0.0], [0.5]]),
  ]
  module = ResidualQuantizer(stages)
  result = module.forward(tf.constant([[12.4]]), False)
  assert result.codes.numpy().tolist() == [[1, 1, 1]]
  assert result.vectors.numpy().tolist() == [[12.5]]
  # Residuals 2.4, 0.4, -0.1 (squared, with both terms), over three stages.
  expected = 1.25 * (2.4**2 + 0.4**2 + 0.1**2) / 3
  assert result.loss.numpy() == pytest.approx(expected, rel=1e-5)


def test_residual_gradient_is_one_identity():
  # Not one for each stage.
  module = ResidualQuantizer([fixed([[0.0], [10.0]])] * 3)
  assert gradient_of_sum(module, [[12.0], [3.0]]).tolist() == [[1], [1]]


def test_residual_stages_refine():
  tf.random.set_seed(0)
  policy = CodebookPolicy('kmeans++', 'restart')
  module = ResidualQuantizer(
    [VectorQuantizerEMA(4, 16, 0.25, 0.9, policy=policy) for _ in range(3)]
  )
  inputs = tf.random.stateless_normal([512, 4], [1, 2])
  forward = tf.function(module.forward)
  for _ in range(20):
    result = forward(inputs, True)
  parts = [
    stage.decode(result.codes[:, m : m + 1])
    for m, stage in enumerate(module.quantizers)
  ]
  errors = [
    np.mean((inputs - sum(parts[:m])) ** 2) if m else 1.0 for m in range(4)
  ]
  assert errors[0] > 2 * errors[1] > 4 * errors[2] > 8 * errors[3]


def test_every_prefix_of_the_codes_decodes():
  tf.random.set_seed(0)
  policy = CodebookPolicy('kmeans++')
  module = ResidualQuantizer(
    [VectorQuantizerEMA(4, 16, 0.25, 0.9, policy=policy) for _ in range(4)]
  )
  inputs = tf.random.stateless_normal([512, 4], [1, 2])
  module.forward(inputs, True)
  codes = module.encode(inputs)
  errors = [
    np.mean((inputs - module.decode(codes[:, : m + 1])) ** 2) for m in range(4)
  ]
  assert all(b < a for a, b in zip(errors, errors[1:], strict=False))
  np.testing.assert_array_equal(
    module.decode(codes[:, :1]), module.quantizers[0].decode(codes[:, :1])
  )
  decode = tf.function(module.decode, autograph=False)
  np.testing.assert_array_equal(
    decode(codes[:, :2]), module.decode(codes[:, :2])
  )
  with pytest.raises(tf.errors.InvalidArgumentError, match=r'0\.\.15, 0\.\.15'):
    module.decode([[3, 16]])


def test_a_prefix_is_of_whole_stages():
  pair = ProductQuantizer([fixed([[0.0], [8.0]]), fixed([[0.0], [8.0]])])
  module = ResidualQuantizer([pair, fixed([[0.0, 0.0], [1.0, 1.0]])])
  assert module.decode([[1, 0]]).numpy().tolist() == [[8, 0]]
  assert module.decode([[1, 0, 1]]).numpy().tolist() == [[9, 1]]
  for codes in ([[1]], [[1, 0, 1, 0]], [[]], 1):
    with pytest.raises(ValueError, match='3, the number of codebooks'):
      module.decode(tf.cast(codes, tf.int32))


def test_dropout_uses_a_prefix_of_the_stages():
  powers = [fixed([[0.0], [2.0**-m]]) for m in range(4)]
  module = ResidualQuantizer(powers, dropout=0.5, seed=3)
  inputs = tf.fill([400, 2, 1], 1.9)
  values = module.forward(inputs, True).vectors.numpy()[..., 0]
  # All positions of an example keep as many stages.
  assert (values[:, 0] == values[:, 1]).all()
  prefixes = np.cumsum([1, 0.5, 0.25, 0.125])
  counts = [np.mean(values[:, 0] == prefix) for prefix in prefixes]
  # Half keep all; of the others a quarter each number. Standard deviations
  # 0.017 and 0.025 at 400 draws: three of them.
  np.testing.assert_allclose(counts[:3], 0.125, atol=0.05)
  assert counts[3] == pytest.approx(0.625, abs=0.075)
  again = module.forward(inputs, True).vectors.numpy()[..., 0]
  assert (again != values).any()
  assert (module.forward(inputs, False).vectors.numpy() == prefixes[-1]).all()


def test_dropout_of_a_vector_alone():
  powers = [fixed([[0.0], [2.0**-m]]) for m in range(4)]
  module = ResidualQuantizer(powers, dropout=1.0)
  values = {
    float(module.forward(tf.constant([1.9]), True).vectors[0])
    for _ in range(30)
  }
  assert values == {1.0, 1.5, 1.75, 1.875}


def test_dropped_stages_do_not_learn():
  stages = [VectorQuantizerEMA(2, 4, 0.25, 0.9) for _ in range(2)]
  module = ResidualQuantizer(stages, dropout=1.0)
  module.forward(tf.random.stateless_normal([100, 2], [1, 2]), True)
  first, second = (float(sum(s.ema_cluster_size.value)) for s in stages)
  assert first == pytest.approx(100)
  assert 30 < second < 70  # half of them, standard deviation 5


def test_finite_scalar_by_hand():
  module = FiniteScalarQuantizer([5, 4])
  assert module.codebook_sizes == (20,)
  # Odd: levels -1, -1/2, 0, 1/2, 1. Even: -1, -1/2, 0, 1/2. Zero is zero.
  inputs = [[0.0, 0.0], [9.0, 9.0], [-9.0, -9.0], [0.6, 0.0]]
  result = module.forward(tf.constant(inputs), False)
  # 2.002 tanh(0.6) = 1.075: one level up.
  assert result.vectors.numpy().tolist() == [
    [0, 0],
    [1, 0.5],
    [-1, -1],
    [0.5, 0],
  ]
  # Codes: the first dimension varies fastest.
  assert result.codes[:, 0].numpy().tolist() == [
    2 + 5 * 2,
    4 + 5 * 3,
    0,
    3 + 5 * 2,
  ]
  assert result.loss.numpy() == 0


def test_finite_scalar_gradient_is_that_of_the_bound():
  module = FiniteScalarQuantizer([5])
  for z in (0.0, 0.3, -1.5):
    # (1 - tanh^2) (L - 1) / 2 (1 + margin) / floor(L / 2).
    expected = (1 - np.tanh(z) ** 2) * 2.002 / 2
    actual = gradient_of_sum(module, [[z]])
    np.testing.assert_allclose(actual, [[expected]], rtol=1e-5)


@pytest.mark.parametrize('levels', [[], [8, 2], [2**16, 2**15]])
def test_finite_scalar_refuses_levels(levels):
  with pytest.raises(ValueError, match='levels must be one or more numbers'):
    FiniteScalarQuantizer(levels)


def test_lookup_free_by_hand():
  module = LookupFreeQuantizer(3, commitment_cost=0.5, entropy_weight=0.0)
  result = module.forward(tf.constant([[0.5, -1.0, 1.0]]), False)
  assert result.codes.numpy().tolist() == [[0b101]]
  assert result.vectors.numpy().tolist() == [[1, -1, 1]]
  # |z| = 3/2, so u = sqrt(3) (1/3, -2/3, 2/3).
  far, near = (3**0.5 / 3 - 1) ** 2, (2 * 3**0.5 / 3 - 1) ** 2
  assert result.loss.numpy() == pytest.approx(0.5 * (far + 2 * near) / 3)


def test_lookup_free_gradient_is_that_of_the_sphere():
  z = tf.Variable([[3.0, -4.0]])
  module = LookupFreeQuantizer(2, commitment_cost=0.0, entropy_weight=0.0)
  with tf.GradientTape() as tape:
    outputs = module.forward(z, True).vectors @ tf.constant([[1.0], [0.0]])
  # d(sqrt(2) z_1 / |z|) / dz = sqrt(2) (z_2^2, -z_1 z_2) / |z|^3.
  expected = [[2**0.5 * 16 / 125, 2**0.5 * 12 / 125]]
  np.testing.assert_allclose(tape.gradient(outputs, z), expected, rtol=1e-6)


def test_lookup_free_gradient_of_zeros_is_bounded():
  z = tf.Variable([[0.0, 0.0]])
  module = LookupFreeQuantizer(2, 0.0, 0.0)
  with tf.GradientTape() as tape:
    outputs = module.forward(z, True).vectors
  # sqrt(D) / sqrt(epsilon), of each output.
  expected = [[2**0.5 * 100] * 2]
  np.testing.assert_allclose(tape.gradient(outputs, z), expected, rtol=1e-6)


@pytest.mark.parametrize('num_bits', [2, 5])
@pytest.mark.parametrize('weighted', [False, True])
def test_lookup_free_entropy_is_that_over_all_codes(num_bits, weighted):
  values = tf.random.stateless_normal([40, num_bits], [1, 2], dtype=tf.float64)
  weights = tf.random.stateless_uniform([40], [3, 4], dtype=tf.float64)
  module = LookupFreeQuantizer(num_bits, 0.0, 1.0)
  loss = module.forward(values, True, weights if weighted else None).loss
  corners = np.array(list(itertools.product([-1, 1], repeat=num_bits)))
  lengths = np.linalg.norm(values.numpy(), axis=1, keepdims=True)
  points = num_bits**0.5 * values.numpy() / lengths
  logits = -4 * ((points[:, None] - corners) ** 2).sum(2)
  p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
  shares = weights.numpy() if weighted else np.ones(40)
  shares /= shares.sum()
  mean = shares @ p
  entropies = -(p * np.log(p)).sum(1)
  expected = shares @ entropies + (mean * np.log(mean)).sum()
  # float64, and 1e-20 added to probabilities.
  assert loss.numpy() == pytest.approx(expected / num_bits, rel=1e-9)


@pytest.mark.parametrize('num_bits', [1, 19])
def test_lookup_free_refuses_sizes(num_bits):
  with pytest.raises(ValueError, match=r'num_bits must be in 2\.\.18'):
    LookupFreeQuantizer(num_bits)


def test_cosine_takes_the_nearest_direction():
  tf.random.set_seed(0)
  module = CosineQuantizer(6, 9, projection_dim=3)
  inputs = tf.random.stateless_normal([50, 6], [1, 2])
  module.forward(inputs, True)
  embeddings = module.codebook.embeddings.numpy()
  # float32, nine values.
  np.testing.assert_allclose(np.linalg.norm(embeddings, axis=0), 1, rtol=1e-6)
  projection = module._project.w.numpy()
  expected = (inputs.numpy() @ projection @ embeddings).argmax(1)
  np.testing.assert_array_equal(module.encode(inputs)[:, 0], expected)
  # Length does not matter.
  np.testing.assert_array_equal(module.encode(7 * inputs)[:, 0], expected)


def test_cosine_trains_both_projections():
  module = CosineQuantizer(6, 9, projection_dim=3)
  with tf.GradientTape() as tape:
    result = module.forward(tf.random.stateless_normal([50, 6], [1, 2]), True)
    loss = tf.reduce_sum(result.vectors**2) + result.loss
  assert len(module.trainable_variables) == 3
  for gradient in tape.gradient(loss, module.trainable_variables):
    assert np.abs(gradient).max() > 0


def test_cosine_needs_codes_with_a_direction():
  with pytest.raises(ValueError, match="use 'keep' or 'restart'"):
    CosineQuantizer(6, 9, policy=CodebookPolicy())


def test_composites_refuse_what_does_not_fit():
  with pytest.raises(ValueError, match='at least one quantizer'):
    ProductQuantizer([])
  with pytest.raises(ValueError, match=r'different dimensions: \[1, 2\]'):
    ResidualQuantizer([fixed([[0.0]]), fixed([[0.0, 0.0]])])
  cosine = CosineQuantizer(6, 9)
  for stage in (cosine, ProductQuantizer([cosine])):
    match = f'cannot be a {type(stage).__name__} with weights that learn'
    with pytest.raises(ValueError, match=match):
      ResidualQuantizer([stage])
  with pytest.raises(ValueError, match='dropout must be in'):
    ResidualQuantizer([fixed([[0.0]])], dropout=1.5)
  module = ProductQuantizer([fixed([[0.0]]), fixed([[0.0]])])
  with pytest.raises(ValueError, match='last dimension 3, but .* is 2'):
    module.encode(tf.zeros([4, 3]))


@pytest.mark.parametrize('dtype', [tf.float16, tf.bfloat16])
@pytest.mark.parametrize(
  'make',
  [
    lambda: FiniteScalarQuantizer([5, 5, 5, 5]),
    lambda: LookupFreeQuantizer(4),
    lambda: CosineQuantizer(4, 9, 3),
    lambda: ResidualQuantizer(
      [VectorQuantizerEMA(4, 6, 0.25, 0.9) for _ in range(3)]
    ),
    lambda: ProductQuantizer([LookupFreeQuantizer(2), LookupFreeQuantizer(2)]),
  ],
)
def test_half_precision_is_computed_in_float32(make, dtype):
  module = make()
  inputs = tf.cast(tf.random.stateless_normal([30, 4], [1, 2]), dtype)
  half = module.forward(inputs, False)
  full = module.forward(tf.cast(inputs, tf.float32), False)
  assert half.vectors.dtype == dtype and half.loss.dtype == tf.float32
  np.testing.assert_array_equal(half.codes, full.codes)
  # float32: some roundings.
  np.testing.assert_allclose(half.loss, full.loss, rtol=1e-6)
  np.testing.assert_array_equal(half.vectors, tf.cast(full.vectors, dtype))


def double(dim):
  return VectorQuantizerEMA(dim, 6, 0.25, 0.9, dtype=tf.float64)


# A third is no float.
@pytest.mark.parametrize(
  'make',
  [
    lambda: FiniteScalarQuantizer([7, 7, 7, 7]),
    lambda: ProductQuantizer([double(2), FiniteScalarQuantizer([7, 7])]),
    lambda: ResidualQuantizer([double(4), FiniteScalarQuantizer([7, 7, 7, 7])]),
  ],
)
def test_double_precision_decodes_to_the_forward_pass(make):
  tf.random.set_seed(0)
  module = make()
  inputs = tf.random.stateless_normal([30, 4], [1, 2], dtype=tf.float64)
  result = module.forward(inputs, False)
  assert result.vectors.dtype == tf.float64
  np.testing.assert_array_equal(module.decode(result.codes), result.vectors)


def test_cosine_refuses_double_precision():
  module = CosineQuantizer(4, 9)
  inputs = tf.zeros([2, 4], tf.float64)
  for call in (module.encode, lambda x: module.forward(x, True)):
    with pytest.raises(ValueError, match='inputs are float64, but .* float32:'):
      call(inputs)
