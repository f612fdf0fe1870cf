import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import datasets
from vqvae_tf.datasets import names, tfds_images
from vqvae_tf.datasets.source import Identity
from vqvae_tf.errors import UserError
from vqvae_tf.media.squares import square

library = pytest.importorskip('tensorflow_datasets')
features = library.features


class _Tiny(library.core.GeneratorBasedBuilder, skip_registration=True):
  """Grey images whose pixels are their number; a subclass has others."""

  VERSION = library.core.Version('1.0.0')
  parts = {'train': 30, 'test': 4}
  shape = (4, 5, 1)
  kinds = {
    'image': features.Image(shape=(4, 5, 1)),
    'label': features.ClassLabel(names=['even', 'odd']),
  }

  def _info(self):
    kinds = features.FeaturesDict(self.kinds)
    return library.core.DatasetInfo(builder=self, features=kinds)

  def _split_generators(self, dl_manager):
    return {part: self._generate_examples(n) for part, n in self.parts.items()}

  def _generate_examples(self, count):
    for i in range(count):
      yield i, {name: self.value(name, i) for name in self.kinds}

  def value(self, name, i):
    if name == 'label':
      return i % 2
    return np.full(self.shape, i, np.uint8) if name == 'image' else 'text'


@pytest.fixture
def prepare(tmp_path):
  """Prepares a set in a folder; returns the folder."""

  def run(**changes):
    kind = type('TinyImages', (_Tiny,), changes, skip_registration=True)
    kind(data_dir=str(tmp_path)).download_and_prepare()
    return tmp_path

  return run


def _opened(folder, split, **options):
  source = datasets.open_source('tfds:tiny_images', split, folder, **options)
  images, labels = source.fetch(tf.range(source.num_examples, dtype=tf.int64))
  return source, images.numpy(), labels.numpy()


def test_all_examples_once_with_their_labels(prepare):
  folder = prepare()
  numbers = []
  for split, count in (('train', 27), ('validation', 3), ('test', 4)):
    source, images, labels = _opened(folder, split)
    assert (source.name, source.split) == ('tfds:tiny_images', split)
    assert images.shape == (count, 4, 5, 1) and images.dtype == np.uint8
    assert source.class_names == ('even', 'odd')
    np.testing.assert_array_equal(labels, images[:, 0, 0, 0] % 2)
    # As of arrays in memory: other images are found out on resume.
    assert source.identity[:2] == (split, count)
    assert isinstance(source.identity, Identity)
    numbers.append(images[:, 0, 0, 0].tolist())
  assert sorted(numbers[0] + numbers[1]) == list(range(30))
  assert sorted(numbers[2]) == list(range(4))
  _, images, _ = _opened(folder, 'train')
  assert images[:, 0, 0, 0].tolist() == numbers[0]


def test_a_mapping(prepare):
  folder = prepare()
  parts = 'validation=train[90%:],test=train[:2],train=train[2:10]'
  counts = {'train': 8, 'validation': 3, 'test': 2}
  for split, count in counts.items():
    source, *_ = _opened(folder, split, parts=parts)
    assert source.num_examples == count
  with pytest.raises(UserError, match='has no part dev, it has train, test: n'):
    _opened(folder, 'test', parts=parts.replace('train[:2]', 'dev'))
  with pytest.raises(UserError, match='has no part train.2:, it has train, te'):
    _opened(folder, 'test', parts=parts.replace('train[:2]', 'train[2:'))
  with pytest.raises(UserError, match=r'test split of .*: its train\[:0\] is'):
    _opened(folder, 'test', parts=parts.replace('train[:2]', 'train[:0]'))


@pytest.mark.parametrize(
  'text', ['train', 'train=a,test=b', 'train=a,validation=,test=b', 'a=b,,c=d']
)
def test_a_mapping_names_all_three(text):
  with pytest.raises(ValueError, match='must give a part for each of train, v'):
    names.parts(text)


@pytest.mark.parametrize(
  'sizes, expected',
  [
    ({'train': 9, 'validation': 1, 'test': 2}, ['train', 'validation', 'test']),
    ({'train': 90, 'test': 2}, ['train[:81]', 'train[81:90]', 'test']),
    (
      {'train': 90, 'validation': 2},
      ['train[:81]', 'train[81:90]', 'validation'],
    ),
    (
      {'train': 90_000, 'extra': 5},
      ['train[:80000]', 'train[80000:85000]', 'train[85000:]'],
    ),
  ],
)
def test_their_parts_are_our_splits(sizes, expected):
  for split, part in zip(datasets.SPLITS, expected, strict=True):
    assert tfds_images.default_part('tfds:x', sizes, split) == part


def test_no_training_part():
  with pytest.raises(UserError, match='tfds:x has no part train, it has dev: '):
    tfds_images.default_part('tfds:x', {'dev': 3}, 'test')


def test_without_labels(prepare):
  folder = prepare(kinds={'image': features.Image(shape=(4, 5, 1))})
  source, _, labels = _opened(folder, 'test')
  assert source.class_names == () and not labels.any()


def test_integers_without_names_are_labels(prepare):
  kinds = {**_Tiny.kinds, 'label': features.Scalar(np.int64)}
  source, images, labels = _opened(prepare(kinds=kinds), 'test')
  assert source.class_names == ()
  np.testing.assert_array_equal(labels, images[:, 0, 0, 0] % 2)


@pytest.mark.parametrize('channels', [1, 3])
def test_images_of_many_sizes_are_given_one(prepare, channels):
  def value(builder, name, i):
    noise = np.random.default_rng(i).integers(0, 256, (6, 4 + i, channels))
    return noise.astype(np.uint8)

  kinds = {'image': features.Image(shape=(None, None, channels))}
  folder = prepare(kinds=kinds, value=value)
  with pytest.raises(UserError, match='different sizes: give one with --image'):
    _opened(folder, 'test')
  source, images, _ = _opened(folder, 'test', image_size=4)
  assert source.example_shape == (4, 4, channels)
  expected = [square(value(None, 'image', i), 4) for i in range(4)]
  assert sorted(images.tolist()) == sorted(np.stack(expected).tolist())


@pytest.mark.parametrize(
  'kinds, message',
  [
    ({'text': features.Text()}, 'is no set of images: it has no image, but te'),
    ({'image': features.Text()}, 'is no set of images: it has no image, but i'),
    (
      {'image': features.Image(shape=(4, 5, 1), dtype=np.uint16)},
      'are uint16 of 1 channels, not uint8 of 1 or 3',
    ),
  ],
  ids=['text', 'image that is text', '16 bits'],
)
def test_what_is_no_set_of_images(prepare, kinds, message):
  def value(builder, name, i):
    kind = kinds[name]
    is_image = isinstance(kind, features.Image)
    return np.zeros(kind.shape, kind.np_dtype) if is_image else 'text'

  folder = prepare(kinds=kinds, value=value)
  with pytest.raises(UserError, match=message) as caught:
    _opened(folder, 'train')
  assert '\n' not in str(caught.value)


def test_damaged_files_are_told_in_a_line(prepare):
  folder = prepare()
  [record] = (folder / 'tiny_images' / '1.0.0').glob('*train.tfrecord*')
  record.write_bytes(record.read_bytes()[:200])
  with pytest.raises(UserError, match='of tfds:tiny_images in .* cannot be re'):
    _opened(folder, 'train')


def test_an_unknown_name_is_told_the_nearest(tmp_path):
  with pytest.raises(UserError, match='tfds:cifar_10 is known .*mean .cifar10'):
    datasets.open_source('tfds:cifar_10', 'train', tmp_path)
  with pytest.raises(ValueError, match="unknown data set 'tfds:'"):
    datasets.open_source('tfds:', 'train', tmp_path)


def test_an_unknown_configuration_is_told(tmp_path):
  with pytest.raises(UserError, match='^tfds:mnist/large: ') as caught:
    datasets.open_source('tfds:mnist/large', 'train', tmp_path)
  assert '\n' not in str(caught.value)


def test_no_network(tmp_path, no_network):
  match = 'no data for tfds:mnist: it is not prepared in .* --dataset=digits'
  with pytest.raises(UserError, match=match):
    datasets.open_source('tfds:mnist', 'train', tmp_path)
