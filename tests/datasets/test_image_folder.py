import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from vqvae_tf.datasets import image_folder, pipeline
from vqvae_tf.errors import UserError
from vqvae_tf.media import decoding


def _write(path, level=0, size=(6, 4)):
  path.parent.mkdir(parents=True, exist_ok=True)
  Image.new('RGB', size, (level, 0, 0)).save(path)


def _folder(root, counts):
  """Class folders with images whose red level is their number."""
  for name, count in counts.items():
    for i in range(count):
      _write(root / name / f'{i:03}.png', i)
  return root


def _numbers(source):
  images, labels = source.fetch(tf.range(source.num_examples, dtype=tf.int64))
  return images[:, 0, 0, 0].numpy().tolist(), labels.numpy().tolist()


def test_class_folders_are_split_by_fixed_index(tmp_path):
  _folder(tmp_path, {'dog': 12, 'cat': 8})
  (tmp_path / '.hidden').mkdir()
  (tmp_path / 'cat' / 'notes.txt').touch()
  parts = {
    split: image_folder.ImageFolder(split, tmp_path, 4)
    for split in ('train', 'validation', 'test')
  }
  # Sorted: cat 0..7 are 0..7, dog 0..11 are 8..19.
  assert _numbers(parts['validation']) == ([0, 10], [1, 1])
  assert _numbers(parts['test']) == ([1, 11], [1, 1])
  assert _numbers(parts['train']) == (
    [*range(8), *range(2, 10)],
    [0] * 8 + [1] * 8,
  )
  for source in parts.values():
    assert source.class_names == ('cat', 'dog')
    assert source.example_shape == (4, 4, 3)


@pytest.mark.parametrize('validation', ['validation', 'val'])
def test_split_folders(tmp_path, validation):
  _folder(tmp_path / 'train', {'a': 2, 'b': 1, 'c': 1})
  _folder(tmp_path / validation, {'b': 3})
  _folder(tmp_path / 'test', {'c': 1})
  source = image_folder.ImageFolder('train', tmp_path, 4)
  assert _numbers(source) == ([0, 1, 0, 0], [0, 0, 1, 2])
  source = image_folder.ImageFolder('validation', tmp_path, 4)
  assert _numbers(source) == ([0, 1, 2], [1, 1, 1])
  source = image_folder.ImageFolder('test', tmp_path, 4)
  # The label is that of the training folder.
  assert _numbers(source) == ([0], [2])
  assert source.class_names == ('a', 'b', 'c')


def test_validation_comes_from_train_where_it_has_no_folder(tmp_path):
  _folder(tmp_path / 'train', {'a': 20})
  train = image_folder.ImageFolder('train', tmp_path, 4)
  validation = image_folder.ImageFolder('validation', tmp_path, 4)
  assert _numbers(validation)[0] == [8, 18]
  assert _numbers(train)[0] == [*range(8), *range(9, 18), 19]
  with pytest.raises(UserError, match='a train but no test folder'):
    image_folder.ImageFolder('test', tmp_path, 4)


def test_what_a_folder_may_lack(tmp_path):
  with pytest.raises(UserError, match='no such folder: .*nowhere'):
    image_folder.ImageFolder('train', tmp_path / 'nowhere', 4)
  _write(tmp_path / 'loose.png')
  with pytest.raises(UserError, match='holds no class folders; expected .*CL'):
    image_folder.ImageFolder('train', tmp_path, 4)
  (tmp_path / 'empty').mkdir()
  with pytest.raises(UserError, match='no images for the train split.*.jpeg'):
    image_folder.ImageFolder('train', tmp_path, 4)


def test_an_empty_class_keeps_its_label(tmp_path):
  _folder(tmp_path, {'a': 2, 'c': 3})
  (tmp_path / 'b').mkdir()
  source = image_folder.ImageFolder('train', tmp_path, 4)
  assert source.class_names == ('a', 'b', 'c')
  assert _numbers(source)[1] == [0, 0, 2, 2, 2]
  with pytest.raises(UserError, match='no images for the test split'):
    image_folder.ImageFolder('test', tmp_path, 4)


def test_a_class_that_training_lacks_is_refused(tmp_path):
  _folder(tmp_path / 'train', {'a': 1})
  _folder(tmp_path / 'test', {'a': 1, 'b': 1})
  (tmp_path / 'test' / 'nothing').mkdir()
  with pytest.raises(UserError, match='test/b is a class that the training'):
    image_folder.ImageFolder('test', tmp_path, 4)


def test_decode_crops_the_centre(tmp_path):
  pixels = np.zeros((2, 6, 3), np.uint8)
  pixels[:, 2:4] = [10, 20, 30]
  Image.fromarray(pixels).save(tmp_path / 'wide.png')
  image = image_folder.decode(tmp_path / 'wide.png', 2)
  assert image.dtype == np.uint8
  np.testing.assert_array_equal(image, np.full((2, 2, 3), [10, 20, 30]))


def test_decode_shrinks_without_aliasing(tmp_path):
  # Every second column is white: picking pixels would give 0 or 255.
  pixels = np.zeros((64, 64), np.uint8)
  pixels[:, ::2] = 255
  Image.fromarray(pixels).save(tmp_path / 'stripes.png')
  image = image_folder.decode(tmp_path / 'stripes.png', 8)
  # The filter's edge and rounding move the mean of 127.5 by a few levels.
  assert np.abs(image.astype(float) - 127.5).max() < 16


@pytest.mark.parametrize('extension', decoding.EXTENSIONS)
@pytest.mark.parametrize('mode', ['RGB', 'L'])
def test_every_extension_is_read(tmp_path, extension, mode):
  path = tmp_path / 'class' / f'image{extension.upper()}'
  path.parent.mkdir()
  Image.new(mode, (5, 5), 255 if mode == 'L' else (255, 255, 255)).save(path)
  source = image_folder.ImageFolder('train', tmp_path, 3)
  images, _ = source.fetch(tf.constant([0], tf.int64))
  assert images.shape == (1, 3, 3, 3)
  # A lossy format may miss white by a level.
  assert images.numpy().min() >= 254


def test_the_camera_orientation_is_heeded(tmp_path):
  pixels = np.zeros((4, 4, 3), np.uint8)
  pixels[:2] = 255
  exif = Image.Exif()
  exif[0x0112] = 3  # upside down
  Image.fromarray(pixels).save(tmp_path / 'a.png', exif=exif)
  image = image_folder.decode(tmp_path / 'a.png', 4)
  assert image[0].max() == 0 and image[3].min() == 255


@pytest.mark.parametrize('keep', [0, 20, 60, 1500])
def test_a_damaged_image_is_named(tmp_path, keep):
  _folder(tmp_path, {'a': 3})
  damaged = tmp_path / 'a' / '001.png'
  noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
  Image.fromarray(noise).save(damaged)
  damaged.write_bytes(damaged.read_bytes()[:keep])
  with pytest.raises(ValueError, match='cannot read the image .*001.png: '):
    image_folder.decode(damaged, 4)
  source = image_folder.ImageFolder('train', tmp_path, 4)
  with pytest.raises(
    tf.errors.InvalidArgumentError, match='cannot read the image .*001.png: '
  ):
    list(pipeline.in_order(source, 2))


def test_parallel_batches_come_in_order(tmp_path):
  _folder(tmp_path, {'a': 40})
  source = image_folder.ImageFolder('train', tmp_path, 4)
  expected = _numbers(source)[0]
  for _ in range(3):
    batches = [images for images, _ in pipeline.in_order(source, 3)]
    assert np.concatenate(batches)[:, 0, 0, 0].tolist() == expected
  first, second = (
    np.stack([images for images, _ in pipeline.shuffled(source, 8, 1).take(12)])
    for _ in range(2)
  )
  np.testing.assert_array_equal(first, second)


def test_an_index_out_of_range_is_refused(tmp_path):
  source = image_folder.ImageFolder('train', _folder(tmp_path, {'a': 2}), 4)
  for index in (2, -1):
    with pytest.raises(tf.errors.InvalidArgumentError, match='is not in'):
      source.fetch(tf.constant([index], tf.int64))
