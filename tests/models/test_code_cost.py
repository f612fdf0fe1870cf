import numpy as np
import pytest

from vqvae_tf.models.code_cost import (
  code_cost,
  examples_per_fixed_pass,
  examples_per_pass,
  padded,
)

# p(z | y) of a prior of 2 classes, by the only code of an image.
GIVEN = np.array([[1 / 2, 1 / 4, 1 / 8, 1 / 8], [1 / 8, 1 / 8, 1 / 4, 1 / 2]])


def code_bits(codes, labels):
  given = GIVEN[labels[:, np.newaxis, np.newaxis, np.newaxis], codes]
  return -np.log2(given).astype(np.float32)


def cost(codes, labels, per_pass=100):
  return code_cost(code_bits, 2, codes, labels, per_pass)


class TestCost:
  CODES = np.array([0, 3, 2], np.int32).reshape(3, 1, 1, 1)

  def test_the_label_is_summed_over(self):
    found = cost(self.CODES, np.array([0, 0, 1]))
    # (1/2 + 1/8) / 2, (1/8 + 1/2) / 2 and (1/8 + 1/4) / 2; float64.
    expected = -np.log2([5 / 16, 5 / 16, 3 / 16])
    np.testing.assert_allclose(found.marginal, expected, rtol=1e-12)
    np.testing.assert_array_equal(found.given_class, [1, 3, 2])

  @pytest.mark.parametrize('size', [1, 2, 4])
  def test_any_number_in_a_pass(self, size):
    labels = np.array([0, 0, 1])
    expected = cost(self.CODES, labels)
    found = cost(self.CODES, labels, size)
    np.testing.assert_array_equal(found, expected)

  def test_large_codebooks_take_more_passes(self):
    # 256 MB of logits: of CIFAR-10's codes, and of an image with all of 2^18.
    assert examples_per_pass(256, (4096,)) == 64
    assert examples_per_pass(1024, (2**18,)) == 1

  def test_no_labels(self):
    found = cost(self.CODES, None)
    assert found.given_class is None
    np.testing.assert_array_equal(
      found.marginal, cost(self.CODES, np.zeros(3, int)).marginal
    )

  def test_an_unconditional_prior(self):
    codes = np.tile(self.CODES, [1, 2, 1, 1])
    labels = np.ones(3, int)
    found = code_cost(code_bits, 0, codes, labels, 100)
    assert found.given_class is None
    # Two positions, each with the bits of the first label.
    np.testing.assert_array_equal(found.marginal, [2, 6, 6])

  def test_likelier_codes_than_float32_has(self):
    def bits_of_many(codes, labels):
      return np.full(codes.shape, 10_000.0, np.float32)

    found = code_cost(bits_of_many, 2, self.CODES, None, 100)
    np.testing.assert_array_equal(found.marginal, [10_000] * 3)


class TestPadded:
  def test_always_as_many_rows(self):
    given = []

    def total(codes, labels):
      given.append(len(codes))
      return codes.sum((1, 2, 3)) + 100 * labels

    codes = np.arange(10).reshape([5, 2, 1, 1])
    found = code_cost(padded(total, 4), 3, codes, np.ones(5, int), 4)
    assert given == [4] * 4
    np.testing.assert_array_equal(found.given_class, codes.sum((1, 2, 3)) + 100)

  def test_passes_of_few_cells(self):
    assert examples_per_fixed_pass(256) == 32
    assert examples_per_fixed_pass(2**20) == 1
