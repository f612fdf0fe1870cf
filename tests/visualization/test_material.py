import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.errors import UserError
from vqvae_tf.quantizers import (
  ProductQuantizer,
  ResidualQuantizer,
  VectorQuantizer,
)
from vqvae_tf.runs.run import Run
from vqvae_tf.serving import load
from vqvae_tf.visualization.material import Inapplicable, Material


def test_images_and_their_codes(make):
  material = make()
  assert material.images.shape == (10, 4, 6, 1)
  # All ten of them, in another order than the split's.
  firsts = material.images[:, 0, 0, 0]
  assert sorted(firsts) == list(range(0, 100, 10)) != list(firsts)
  np.testing.assert_array_equal(material.codes[:, 0, 0, 0], firsts // 10)
  assert material.reconstructions.shape == material.images.shape


def test_codes_of_the_whole_split(make):
  material = make()
  assert material.all_codes.shape == (10, 2, 3, 1)
  # Image i has pixels 10 i + (0, 2, 4, 12, 14, 16) where codes are.
  expected = [3, *[6] * 9, 3, *[0] * 5]
  assert material.counts[0].tolist() == expected


def test_errors_are_of_each_image(make):
  # Of all images alike: of the ramp by blocks of 0 or 10.
  ramp = np.arange(24).reshape(4, 6)
  blocks = np.array([[0] * 6, [0] * 6, [10] * 6, [10] * 6])
  expected = np.mean((ramp - blocks) ** 2.0)
  np.testing.assert_allclose(make().errors, [expected] * 10)


def test_errors_of_samples_are_bits(make):
  material = make(decoder='autoregressive')
  # The first pixel in this model.
  np.testing.assert_allclose(material.errors, np.arange(0, 100, 10) / 24)


def test_samples_are_drawn_one_by_one(make):
  codes = np.zeros([3, 2, 3, 1], np.int32)
  material = make()
  material.decode(codes)
  assert material.decoded == [3] and material.num_frames == 1000
  del material.decoded[:]
  material = make(decoder='autoregressive')
  material.decode(codes)
  assert material.decoded == [1, 1, 1] and material.num_frames == 100


def test_the_likeliest_class(make):
  material = make(num_classes=3)
  # Codes are at most 10; |code - y| is least for the class beside them.
  for codes, label in zip(material.codes, material.labels, strict=True):
    costs = [np.abs(codes - y).sum() for y in range(3)]
    assert costs[label] == min(costs)
  assert len(set(material.labels)) > 1
  assert not make(num_classes=0).labels.any()


def test_no_prior(make):
  with pytest.raises(Inapplicable, match='^arithmetic has no prior: train one'):
    _ = make().labels


def test_any_number_of_vectors(make):
  codes = np.arange(8)[:, np.newaxis]
  np.testing.assert_array_equal(
    make().embed(codes), np.concatenate([codes, -codes], 1)
  )


@pytest.mark.parametrize('kind', ['product', 'residual'])
def test_tables_add_up(make, kind):
  dim, join = {
    'product': (2, ProductQuantizer),
    'residual': (4, ResidualQuantizer),
  }[kind]
  tf.random.set_seed(1)
  sizes = (3, 5)
  quantizer = join([VectorQuantizer(dim, size, 0.25) for size in sizes])

  def embed(codes):
    return {'embeddings': quantizer.decode(codes)}

  tables = make(sizes, others={'embed': embed}).tables
  assert [table.shape for table in tables] == [(3, 4), (5, 4)]
  codes = np.array([[a, b] for a in range(3) for b in range(5)], np.int32)
  summed = tables[0][codes[:, 0]] + tables[1][codes[:, 1]] - tables[0][0]
  # The rounding of two sums of float32.
  np.testing.assert_allclose(summed, quantizer.decode(codes), atol=1e-6)


def test_a_table_must_fit_into_memory(make):
  with pytest.raises(Inapplicable, match='^65,537 codes are too many for a t'):
    _ = make([2**16 + 1]).tables


def test_images_of_another_shape(make, digits):
  match = r'arithmetic takes images \(4, 6, 1\), but digits has \(8, 8, 1\)'
  with pytest.raises(UserError, match=match):
    make(data=digits['test'])


def test_workdir_and_export_have_the_same_doors(trained, exported, digits):
  ours, theirs = (
    Material(subject, digits['test'])
    for subject in (
      load.from_run(Run(trained)),
      load.from_export(exported),
    )
  )
  np.testing.assert_array_equal(ours.codes, theirs.codes)
  np.testing.assert_array_equal(ours.reconstructions, theirs.reconstructions)
  np.testing.assert_array_equal(
    ours.reconstructions, ours.subject.reconstruct(ours.images)
  )
  np.testing.assert_array_equal(ours.tables[0], theirs.tables[0])
  vectors = ours.tables[0][ours.codes[..., 0]]
  np.testing.assert_array_equal(vectors, ours.subject.embed(ours.codes))
