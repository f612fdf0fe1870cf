import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from vqvae_tf import datasets
from vqvae_tf.errors import UserError


def _all(source):
  images, labels = source.fetch(tf.range(source.num_examples, dtype=tf.int64))
  return images.numpy(), labels.numpy()


@pytest.fixture
def idx_folder(tmp_path, idx_writer, idx_examples):
  images, labels = idx_examples
  idx_writer(tmp_path, 'train', images, labels)
  idx_writer(tmp_path, 'test', images[::-1], labels[::-1])
  return tmp_path


def test_splits_of_the_files(idx_folder, idx_examples):
  images, labels = idx_examples
  for split, chosen in (
    ('train', slice(0, 36)),
    ('validation', slice(36, 40)),
    ('test', slice(None, None, -1)),
  ):
    source = datasets.open_source('mnist', split, idx_folder)
    assert (source.name, source.split) == ('mnist', split)
    assert source.example_shape == (28, 28, 1)
    found_images, found_labels = _all(source)
    np.testing.assert_array_equal(found_images[..., 0], images[chosen])
    np.testing.assert_array_equal(found_labels, labels[chosen])


def test_binarized_has_two_values_at_128(idx_folder, idx_examples):
  source = datasets.open_source('mnist_binarized', 'train', str(idx_folder))
  expected = 255 * (idx_examples[0][:36] >= 128)
  np.testing.assert_array_equal(_all(source)[0][..., 0], expected)


def test_data_that_is_not_as_published_is_noted_once(idx_folder, capsys):
  for split in ('train', 'validation', 'train'):
    source = datasets.open_source('mnist', split, idx_folder)
    assert source.identity[:2] == ('train', 40)
  assert capsys.readouterr().err == (
    f'note: the train data of mnist in {idx_folder} is not as it was '
    f'published: 40 examples, digest {source.identity.digest[:8]}, expected '
    '8b806e3d\n'
  )


def test_class_names(idx_folder):
  names = {
    name: datasets.open_source(name, 'test', idx_folder).class_names
    for name in ('digits', 'mnist', 'mnist_binarized', 'fashion_mnist')
  }
  assert names['digits'] == names['mnist'] == tuple('0123456789')
  assert names['mnist_binarized'] == names['mnist']
  assert names['fashion_mnist'][9] == 'Ankle boot'


def test_load_gives_single_examples():
  dataset = datasets.load('digits', 'test')
  assert dataset.element_spec == (
    tf.TensorSpec([8, 8, 1], tf.uint8),
    tf.TensorSpec([], tf.int32),
  )
  images, labels = _all(datasets.open_source('digits', 'test'))
  loaded = list(dataset.as_numpy_iterator())
  np.testing.assert_array_equal(np.stack([x for x, _ in loaded]), images)
  np.testing.assert_array_equal(np.stack([y for _, y in loaded]), labels)


def test_image_folder_needs_a_folder_and_a_size(tmp_path):
  with pytest.raises(ValueError, match=r'folder of images \(--data_dir\)'):
    datasets.open_source('image_folder', 'train', image_size=8)
  for size in (None, 0):
    with pytest.raises(ValueError, match=rf'\(--image_size\), got {size}'):
      datasets.open_source('image_folder', 'train', tmp_path, size)
  with pytest.raises(ValueError, match='image_size is for image_folder '):
    datasets.open_source('digits', 'train', image_size=8)


def test_image_folder_opens(tmp_path):
  (tmp_path / 'a').mkdir()
  Image.new('L', (9, 7), 3).save(tmp_path / 'a' / 'x.png')
  (image, label), *rest = datasets.load('image_folder', 'train', tmp_path, 4)
  assert image.shape == (4, 4, 3) and int(label) == 0 and not rest


def test_unknown_names():
  with pytest.raises(ValueError, match="did you mean 'cifar10'"):
    datasets.open_source('cifar', 'train')
  with pytest.raises(ValueError, match="unknown split 'dev'"):
    datasets.open_source('mnist', 'dev')


@pytest.mark.parametrize(
  'name, files',
  [
    ('mnist', 'train-images-idx3-ubyte.*train-labels-idx1-ubyte'),
    ('mnist_binarized', 'train-images-idx3-ubyte'),
    ('fashion_mnist', 'prepared fashion_mnist'),
    ('cifar10', 'data_batch_1.bin.*data_batch_5.bin'),
  ],
)
def test_no_data_and_no_network(tmp_path, no_network, name, files):
  start = time.monotonic()
  with pytest.raises(UserError, match=f'no data for {name}') as caught:
    datasets.open_source(name, 'train', tmp_path)
  assert time.monotonic() - start < 10
  message = str(caught.value)
  assert '\n' not in message
  assert str(tmp_path) in message and '--dataset=digits' in message
  caught.match(files)


def test_too_few_examples_for_a_split(tmp_path, idx_writer, idx_examples):
  images, labels = idx_examples
  idx_writer(tmp_path, 'train', images[:9], labels[:9])
  assert datasets.open_source('mnist', 'train', tmp_path).num_examples == 9
  with pytest.raises(UserError, match='no examples for the validation split'):
    datasets.open_source('mnist', 'validation', tmp_path)


# Means of the published training pixels, in 0..1, to the digits given there.
@pytest.mark.parametrize(
  'name, mean', [('mnist', 0.1307), ('fashion_mnist', 0.2860)]
)
def test_real_idx_data(real_data, name, mean, capsys):
  folder = real_data(name, 'train-images-idx3-ubyte.gz')
  images, counts = [], []
  for split in datasets.SPLITS:
    source = datasets.open_source(name, split, folder)
    counts.append(source.num_examples)
    images.append(_all(source)[0])
  assert counts == [55_000, 5_000, 10_000]
  # They are as published.
  assert 'note' not in capsys.readouterr().err
  train = np.concatenate(images[:2])
  assert train.shape == (60_000, 28, 28, 1)
  # Half of the last digit given.
  assert train.mean() / 255 == pytest.approx(mean, abs=5e-5)


def test_real_cifar10(real_data, capsys):
  folder = real_data('cifar10', 'data_batch_1.bin', 'test_batch.bin')
  train, validation, test = (
    datasets.open_source('cifar10', split, folder) for split in datasets.SPLITS
  )
  assert 'note' not in capsys.readouterr().err
  assert train.example_shape == (32, 32, 3)
  assert train.num_examples == 45_000
  assert validation.num_examples == 5_000
  assert test.num_examples == 10_000
  pixels = np.concatenate([_all(train)[0], _all(validation)[0]])
  # Half of the last digit of the published means.
  np.testing.assert_allclose(
    pixels.mean((0, 1, 2)), [125.307, 122.950, 113.865], atol=5e-4
  )
