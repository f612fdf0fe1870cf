"""Images to files and back, by exports; and what damage does to the files."""

import io
import shutil

import numpy as np
import pytest
import tensorflow as tf

import vqvae_tf
from vqvae_tf.codec import coding, container
from vqvae_tf.errors import UserError
from vqvae_tf.serving import Sizes, load
from vqvae_tf.serving.codec import PLACE


@pytest.fixture(scope='module')
def codec(exported_with_prior):
  return vqvae_tf.Codec(exported_with_prior)


@pytest.fixture(scope='module')
def images(digits):
  found, _ = digits['test'].fetch(tf.range(70))
  return found.numpy()


@pytest.fixture(scope='module')
def labels(digits):
  _, found = digits['test'].fetch(tf.range(70))
  return found.numpy()


@pytest.fixture(scope='module')
def small(codec, images):
  """The file of two images."""
  return codec.compress(images[:2])


def test_an_export_has_its_integers(exported_with_prior, codec, tmp_path):
  """Without them they are derived, and are the same."""
  early = shutil.copytree(exported_with_prior, tmp_path / 'early')
  (early / PLACE).unlink()
  (early / 'assets.extra' / 'manifest.json').unlink()
  derived = vqvae_tf.Codec(early)
  assert derived._model.fingerprint == codec._model.fingerprint


@pytest.mark.parametrize('random_access', [False, True])
@pytest.mark.parametrize('labelled', [False, True])
def test_round_trip(codec, images, labels, random_access, labelled):
  data = codec.compress(
    images, labels if labelled else None, random_access=random_access
  )
  np.testing.assert_array_equal(codec.decompress(data), images)
  assert codec.num_images(data) == 70
  assert not codec.is_lossy(data)


def test_a_model_without_a_prior(exported, images):
  own = vqvae_tf.Codec(exported)
  data = own.compress(images)
  np.testing.assert_array_equal(own.decompress(data), images)
  assert own.sizes(data).labels == 0


@pytest.mark.parametrize('random_access', [False, True])
def test_some_of_the_images(codec, images, random_access):
  data = codec.compress(images, random_access=random_access)
  for first, count in ((0, 1), (69, 1), (13, 20), (5, 0), (0, 70)):
    found = codec.decompress(data, first, count)
    np.testing.assert_array_equal(found, images[first : first + count])
  np.testing.assert_array_equal(codec.decompress(data, 60), images[60:])
  for first, count in ((0, 71), (70, 1), (-1, 2), (3, -1)):
    with pytest.raises(UserError, match='the file has 70 images'):
      codec.decompress(data, first, count)


def test_a_file_is_as_large_as_was_promised(
  codec, exported_with_prior, images, labels
):
  """8 x bytes <= 1.005 x nll + 64 x lanes, and not less either."""
  subject = load.from_export(exported_with_prior)
  found = subject.assess(images)
  given = subject.prior.code_bits(found.codes, labels)
  bits = np.sum(given) + np.sum(found.pixel_bits) + 70 * np.log2(10)
  for random_access, lanes in ((False, 1), (True, 70)):
    data = codec.compress(images, labels, random_access)
    assert 0.995 * bits <= 8 * len(data) <= 1.005 * bits + 64 * lanes + 256


def test_the_cheapest_label_is_found(codec, images, labels):
  given = codec.sizes(codec.compress(images, labels))
  found = codec.sizes(codec.compress(images))
  assert found.codes <= given.codes
  assert found.labels == pytest.approx(70 * np.log2(10) / 8, rel=1e-5)


def test_sizes_add_up(codec, images):
  data = codec.compress(images, random_access=True)
  sizes = codec.sizes(data)
  assert sum(sizes) == pytest.approx(len(data))
  assert sizes.checksums == 4 * 70
  assert sizes.pixels > sizes.codes > sizes.labels > 0
  assert isinstance(sizes, Sizes)


def test_codes_alone(codec, exported_with_prior, images):
  data = codec.compress(images, lossy=True)
  assert codec.is_lossy(data)
  subject = load.from_export(exported_with_prior)
  expected = np.asarray(subject.reconstruct(images))
  np.testing.assert_array_equal(codec.decompress(data), expected)
  assert codec.sizes(data).pixels == 0


def test_images_of_other_sizes(codec):
  rng = np.random.default_rng(0)
  sizes = [(8, 8), (8, 8), (20, 9), (3, 17), (1, 1), (20, 9)]
  mixed = [
    rng.integers(0, 17, [*size, 1], np.uint8) * np.uint8(15) for size in sizes
  ]
  data = codec.compress(mixed)
  for found in (codec.decompress(data), list(codec.images(data))):
    assert len(found) == len(mixed)
    for one, other in zip(found, mixed, strict=True):
      np.testing.assert_array_equal(one, other)
  [one, other] = codec.decompress(data, 2, 2)
  np.testing.assert_array_equal(one, mixed[2])
  np.testing.assert_array_equal(other, mixed[3])
  same = np.stack([mixed[2], mixed[5]])
  np.testing.assert_array_equal(codec.decompress(codec.compress(same)), same)


def test_an_index_of_other_tiles(codec):
  """It has a right checksum, and one tile for an image of two."""
  file = io.BytesIO()
  writer = container.Writer(file, container.LOSSLESS, codec._model.fingerprint)
  writer.add(container.Block(1, [np.zeros(3, np.uint16)]))
  writer.finish([container.Run(1, 9, 8)])
  with pytest.raises(UserError, match='1 tiles of images that have 2'):
    codec.decompress(file.getvalue())


def test_no_images(codec):
  data = codec.compress(np.zeros([0, 8, 8, 1], np.uint8))
  assert codec.decompress(data).shape == (0, 8, 8, 1)
  assert codec.decompress(data).dtype == np.uint8


def test_several_blocks(codec, images, labels):
  """As large files have them; the first is of 64 images."""
  model, file = codec._model, io.BytesIO()
  codes = np.asarray(codec._subject.encode(images))
  writer = container.Writer(file, container.LOSSLESS, model.fingerprint)
  content = coding.Content(codes, labels, images)
  blocks = list(coding.blocks(model, [content], False, most_examples=64))
  assert [block.examples for block in blocks] == [64, 6]
  for block in blocks:
    writer.add(block)
  writer.finish()
  data = file.getvalue()
  np.testing.assert_array_equal(codec.decompress(data), images)
  for first, count in ((63, 2), (64, 6), (60, 10), (0, 64)):
    found = codec.decompress(data, first, count)
    np.testing.assert_array_equal(found, images[first : first + count])
  assert sum(codec.sizes(data)) == pytest.approx(len(data))


def test_written_while_images_come_in(codec, images, labels):
  file = io.BytesIO()
  codec.compress_to(
    file, ((images[k : k + 7], labels[k : k + 7]) for k in range(0, 70, 7))
  )
  assert file.getvalue() == codec.compress(images, labels)


@pytest.mark.parametrize(
  'wrong, message',
  [
    (np.zeros([1, 8, 8, 1], np.float32), 'images must be uint8, not float32'),
    (np.zeros([1, 8, 8, 3], np.uint8), r'takes images \[H, W, 1\], not of'),
    (np.zeros([8, 8], np.uint8), r'takes images \[H, W, 1\], not of'),
    (np.zeros([1, 0, 8, 1], np.uint8), r'takes images \[H, W, 1\], not of'),
  ],
)
def test_other_images_are_refused(codec, wrong, message):
  with pytest.raises(UserError, match=message):
    codec.compress(wrong)


def test_other_labels_are_refused(codec, images):
  with pytest.raises(UserError, match='2 images, but 1 labels'):
    codec.compress(images[:2], [1])
  with pytest.raises(UserError, match=r'labels must be in 0\.\.9'):
    codec.compress(images[:2], [1, 10])


def test_no_export(tmp_path):
  with pytest.raises(UserError, match='is no export of vqvae_tf'):
    vqvae_tf.Codec(tmp_path)


def test_damaged_integers(exported, tmp_path):
  folder = shutil.copytree(exported, tmp_path / 'model')
  with open(folder / PLACE, 'r+b') as file:
    file.seek(2000)
    file.write(b'damage')
  with pytest.raises(UserError, match=r'codec\.npz is not as'):
    vqvae_tf.Codec(folder)


def test_another_model(codec, exported, small):
  with pytest.raises(UserError, match='another model wrote it'):
    vqvae_tf.Codec(exported).decompress(small)


def test_damage_is_told_in_one_line(codec, small):
  """`tests/codec/test_golden.py` has every bit of a smaller file."""
  for place in range(len(small)):
    changed = bytearray(small)
    changed[place] ^= 1 << place % 8
    with pytest.raises(UserError, match='^cannot read the file: .+$'):
      codec.decompress(bytes(changed))
  for size in range(0, len(small), 3):
    with pytest.raises(UserError, match='^cannot read the file: it is .+$'):
      codec.decompress(small[:size])
