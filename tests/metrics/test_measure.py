import math

import numpy as np
import pytest

from vqvae_tf.codes import count_codes
from vqvae_tf.metrics.measure import measure
from vqvae_tf.metrics.usage import usage
from vqvae_tf.models import Assessment, CodeCost


def test_counts_by_hand():
  codes = np.array([[[[0, 1], [2, 1]]], [[[2, 0], [2, 1]]]])
  first, second = count_codes(codes, (3, 2))
  np.testing.assert_array_equal(first, [1, 0, 3])
  np.testing.assert_array_equal(second, [1, 3])


def test_usage_by_hand():
  # Codebooks of 4 and 2 codes: 2 and 1 in use, 1 and 0 bits.
  found = usage([np.array([5, 0, 5, 0]), np.array([0, 3])])
  assert found == {
    'codes_in_use': 3 / 6,
    'perplexity': (2 + 1) / 2,
    'entropy_bits': (1 + 0) / 2,
  }


class Stub:
  """A model that knows its pixel bits from the first pixel of each image."""

  def __init__(self, reconstruction=0):
    self.reconstruction = reconstruction
    self.sizes = []

  def __call__(self, batch):
    self.sizes.append(len(batch))
    level = batch[:, 0, 0, 0]
    return Assessment(
      pixel_bits=level.astype(np.float32),
      code_bits=np.full(len(batch), 2, np.float32),
      codes=(level % 4).astype(np.int32).reshape(-1, 1, 1, 1),
      reconstructions=np.full_like(batch, self.reconstruction),
    )


def batches(*levels):
  """Batches of images [1, 2, 1] with both pixels at one level."""
  for batch in levels:
    values = np.array(batch, np.uint8).reshape(-1, 1, 1, 1)
    yield np.tile(values, [1, 1, 2, 1]), np.zeros(len(batch), np.int32)


def test_every_example_counts_once():
  # The mean of the batches' means would be (1 + 9) / 2, not 3.
  stub = Stub()
  result = measure(stub, batches([0, 1, 2], [9]), (4,))
  assert stub.sizes == [3, 1]
  assert result.num_examples == 4
  assert result.pixel_bits_per_dim == 12 / 4 / 2
  assert result.code_bits_per_dim == 2 / 2
  assert result.bits_per_dim == 12 / 4 / 2 + 1
  # Codes 0, 1, 2 and 9 mod 4 = 1.
  assert result.codes_in_use == 3 / 4
  assert result.entropy_bits == 1.5
  assert result.perplexity == 2**1.5
  assert result.mse == (0 + 1 + 4 + 81) / 4
  assert result.psnr_db == pytest.approx(
    10 * math.log10(65025 / 21.5),
    abs=1e-12,  # float64
  )


def test_batch_sizes_do_not_matter():
  levels = np.random.default_rng(0).integers(0, 256, 12)
  whole = measure(Stub(7), batches(levels), (4,))
  parts = measure(Stub(7), batches(levels[:1], levels[1:8], levels[8:]), (4,))
  # The figures are sums of integers, which float64 adds without rounding.
  assert whole == parts


def test_differences_of_uint8_do_not_wrap():
  result = measure(Stub(255), batches([0, 0], [0]), (4,))
  assert result.mse == 65025
  assert result.psnr_db == 0


def test_perfect_reconstructions():
  result = measure(Stub(3), batches([3, 3]), (4,))
  assert (result.mse, result.psnr_db) == (0, math.inf)
  assert (result.perplexity, result.entropy_bits) == (1, 0)


def test_small_terms_survive_large_sums():
  def assess(batch):
    return Stub()(batch)._replace(
      pixel_bits=np.full(len(batch), 2**24 + 2, np.float32)
    )

  # float32 would drop the 2 from the sum of the first two on.
  result = measure(assess, batches([0] * 50, [0]), (4,))
  assert result.pixel_bits_per_dim == (2**24 + 2) / 2


def test_interval_by_hand():
  # Totals of 0 + 2, 2 + 2 and 7 + 2 bits: mean 5, squares 9 + 1 + 16 over 2.
  result = measure(Stub(), batches([0, 2], [7]), (4,))
  assert result.bits_per_dim == 5 / 2
  # Rounding of float64.
  expected = pytest.approx(1.96 * math.sqrt(13 / 3) / 2, rel=1e-12)
  assert result.bits_per_dim_error == expected


@pytest.mark.parametrize('level', [0, 2**24 + 2])
def test_interval_is_that_of_all_images_bits(level):
  spread = np.random.default_rng(0).integers(0, 256, 500)

  def assess(batch):
    pixel_bits = level + batch[:, 0, 0, 0].astype(np.float64)
    return Stub()(batch)._replace(pixel_bits=pixel_bits)

  result = measure(
    assess, batches(spread[:7], [], spread[7:300], spread[300:]), (4,)
  )
  by_hand = 1.96 * (level + spread + 2.0).std(ddof=1) / math.sqrt(500) / 2
  # Rounding of float64, in NumPy's mean of large numbers too.
  assert result.bits_per_dim_error == pytest.approx(by_hand, rel=1e-9)


def test_interval_of_equal_images():
  def assess(batch):
    return Stub()(batch)._replace(pixel_bits=np.full(len(batch), 2.0**40 / 3))

  result = measure(assess, batches([0] * 50), (4,))
  assert result.bits_per_dim_error == 0


def test_one_image_has_no_interval():
  result = measure(Stub(), batches([5]), (4,))
  assert (result.num_examples, result.bits_per_dim_error) == (1, math.inf)


def test_infinite_bits_are_no_warning():
  def assess(batch):
    return Stub()(batch)._replace(pixel_bits=np.full(len(batch), np.inf))

  result = measure(assess, batches([0, 1], [2]), (4,))
  assert result.bits_per_dim == math.inf
  assert math.isnan(result.bits_per_dim_error)


@pytest.mark.parametrize('empty', [[], [[]]])
def test_no_example_is_refused(empty):
  with pytest.raises(ValueError, match='no example to measure'):
    measure(Stub(), batches(*empty), (4,))


def cost(codes, labels):
  """p(z) = 5/16, 1/4, 3/16 or 5/16 of an image's only code, by its value."""
  codes = np.asarray(codes).ravel()
  of_code = -np.log2(np.array([5, 4, 3, 5]) / 16)
  return CodeCost(of_code[codes], np.array([1.0, 2.0, 3.0, 3.0])[codes])


class TestLearnedPrior:
  def test_they_join_the_bound(self):
    # Pixel bits 0, 3 | 2, codes those of above.
    result = measure(Stub(), batches([0, 3], [2]), (4,), cost)
    a, b = -math.log2(5 / 16), -math.log2(3 / 16)
    rounding = 1e-12  # of float64
    assert result.pixel_bits_per_dim == 5 / 6
    assert result.code_bits_per_dim == 1
    assert result.bits_per_code == pytest.approx((2 * a + b) / 3, rel=rounding)
    assert result.code_bits_learned_per_dim == pytest.approx(
      (2 * a + b) / 6, rel=rounding
    )
    assert result.bits_per_dim == pytest.approx(
      (5 + 2 * a + b) / 6, rel=rounding
    )
    # All labels are 0.
    assert result.code_bits_given_class_per_dim == (1 + 3 + 3) / 6
    error = 1.96 * np.std([a, 3 + a, 2 + b], ddof=1) / math.sqrt(3) / 2
    assert result.bits_per_dim_error == pytest.approx(error, rel=rounding)

  def test_none_is_none(self):
    result = measure(Stub(), batches([0, 3], [2]), (4,))
    assert result[-3:] == (None, None, None)
