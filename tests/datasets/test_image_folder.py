import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from vqvae_tf.datasets import image_folder, pipeline, splits
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


def _parts(root, names=('train', 'validation', 'test')):
  return {name: image_folder.ImageFolder(name, root, 4) for name in names}


def _expected(split, counts, own=('train', 'validation', 'test')):
  """Numbers and labels of a split of class folders, by the rule of names."""
  found = [
    (number, label)
    for label, (name, count) in enumerate(sorted(counts.items()))
    for number in range(count)
    if (of := splits.by_name(f'{name}/{number:03}.png')) == split
    or (split == 'train' and of not in own)
  ]
  return tuple(map(list, zip(*found, strict=True)))


def test_class_folders_are_split_by_name(tmp_path):
  counts = {'dog': 30, 'cat': 20}
  _folder(tmp_path, counts)
  (tmp_path / '.hidden').mkdir()
  (tmp_path / 'cat' / 'notes.txt').touch()
  parts = _parts(tmp_path)
  for split, source in parts.items():
    assert _numbers(source) == _expected(split, counts)
    assert source.class_names == ('cat', 'dog')
    assert source.example_shape == (4, 4, 3)
    assert source.is_by_name
  assert sum(source.num_examples for source in parts.values()) == 50
  # All know of the whole.
  assert len({source.identity for source in parts.values()}) == 1
  assert parts['test'].identity[:2] == ('all', 50)


def test_files_that_come_and_go_move_no_other(tmp_path):
  _folder(tmp_path, {'a': 60})
  before = {s: set(_numbers(x)[0]) for s, x in _parts(tmp_path).items()}
  identity = _parts(tmp_path, ['test'])['test'].identity
  gone = {0, 17, 42}
  for number in gone:
    (tmp_path / 'a' / f'{number:03}.png').unlink()
  _write(tmp_path / 'a' / '!first.png', 200)
  for split, source in _parts(tmp_path).items():
    assert set(_numbers(source)[0]) - {200} == before[split] - gone
    assert source.identity != identity
  # The place of the whole does not count.
  (tmp_path / 'moved').mkdir()
  (tmp_path / 'a').rename(tmp_path / 'moved' / 'a')
  moved = _parts(tmp_path / 'moved', ['test'])['test'].identity
  assert moved == source.identity


@pytest.mark.parametrize(
  'train, validation, test',
  [
    ('train', 'validation', 'test'),
    ('train', 'val', 'test'),
    ('Train', 'valid', 'TEST'),
    ('training', 'Val', 'testing'),
  ],
)
def test_split_folders(tmp_path, train, validation, test):
  _folder(tmp_path / train, {'a': 2, 'b': 1, 'c': 1})
  _folder(tmp_path / validation, {'b': 3})
  _folder(tmp_path / test, {'c': 1})
  source = image_folder.ImageFolder('train', tmp_path, 4)
  assert _numbers(source) == ([0, 1, 0, 0], [0, 0, 1, 2])
  source = image_folder.ImageFolder('validation', tmp_path, 4)
  assert _numbers(source) == ([0, 1, 2], [1, 1, 1])
  source = image_folder.ImageFolder('test', tmp_path, 4)
  # The label is that of the training folder.
  assert _numbers(source) == ([0], [2])
  assert source.class_names == ('a', 'b', 'c')
  for split, count in (('train', 4), ('validation', 3), ('test', 1)):
    source = image_folder.ImageFolder(split, tmp_path, 4)
    assert source.identity[:2] == (split, count)
    assert not source.is_by_name


def test_validation_comes_from_train_where_it_has_no_folder(tmp_path):
  own = ('train', 'validation')
  _folder(tmp_path / 'train', {'a': 40})
  for split, source in _parts(tmp_path, own).items():
    assert _numbers(source) == _expected(split, {'a': 40}, own)
    assert source.identity[:2] == ('train', 40)
    assert source.is_by_name
  with pytest.raises(UserError, match='no folder for the test split among tra'):
    image_folder.ImageFolder('test', tmp_path, 4)


def test_folders_below_a_class_are_of_the_class(tmp_path):
  for name in ('a/1.png', 'a/deep/er/2.png', 'b/3.png', 'b/.hidden/4.png'):
    _write(tmp_path / 'train' / name, int(name[-5]))
  (tmp_path / 'train' / 'a' / 'round').symlink_to(tmp_path)
  _folder(tmp_path / 'val', {'a': 1})
  source = image_folder.ImageFolder('train', tmp_path, 4)
  assert _numbers(source) == ([1, 2, 3], [0, 0, 1])


@pytest.mark.parametrize(
  'names, split, match',
  [
    (['Valid/a/1', 'test/a/1'], 'train', 'no folder for the train split among'),
    (
      ['train/1', 'test/1'],
      'train',
      'train holds no class folders, but images: 1',
    ),
    (
      ['train/a/1', 'val/a/1', 'valid/a/1'],
      'validation',
      '2 folders for the validation split among train, val, valid; expected',
    ),
    (['set/train/a/1'], 'train', 'set is no class, .* give it as --data_dir'),
    (
      ['cat/1', 'test/cat/1'],
      'train',
      'no folder for the train split among te',
    ),
  ],
)
def test_another_layout_is_told_from_what_is_expected(
  tmp_path, names, split, match
):
  for name in names:
    _write(tmp_path / f'{name}.png')
  with pytest.raises(UserError, match=match):
    image_folder.ImageFolder(split, tmp_path, 4)


def test_classes_may_be_called_as_a_split(tmp_path):
  _folder(tmp_path, {'car': 20, 'train': 20})
  source = image_folder.ImageFolder('train', tmp_path, 4)
  assert source.class_names == ('car', 'train')


def test_too_few_images_for_a_split_are_counted(tmp_path):
  _folder(tmp_path, {'a': 3})
  message = (
    r'none of the 3 images of .* falls to the test split \(train 3, '
    r'validation 0, test 0, by a hash of their names\): add images, or make'
  )
  with pytest.raises(UserError, match=message):
    image_folder.ImageFolder('test', tmp_path, 4)


def test_what_a_folder_may_lack(tmp_path):
  with pytest.raises(UserError, match='no such folder: .*nowhere'):
    image_folder.ImageFolder('train', tmp_path / 'nowhere', 4)
  _write(tmp_path / 'loose.png')
  with pytest.raises(
    UserError, match='no class folders, but images: 1; expected CL'
  ):
    image_folder.ImageFolder('train', tmp_path, 4)
  (tmp_path / 'empty').mkdir()
  with pytest.raises(UserError, match='no images for the train split.*.jpeg'):
    image_folder.ImageFolder('train', tmp_path, 4)


def test_an_empty_class_keeps_its_label(tmp_path):
  _folder(tmp_path / 'train', {'a': 2, 'c': 3})
  (tmp_path / 'train' / 'b').mkdir()
  _folder(tmp_path / 'val', {'a': 1})
  source = image_folder.ImageFolder('train', tmp_path, 4)
  assert source.class_names == ('a', 'b', 'c')
  assert _numbers(source)[1] == [0, 0, 2, 2, 2]


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
  path = tmp_path / 'test' / 'class' / f'image{extension.upper()}'
  path.parent.mkdir(parents=True)
  _folder(tmp_path / 'train', {'class': 1})
  Image.new(mode, (5, 5), 255 if mode == 'L' else (255, 255, 255)).save(path)
  source = image_folder.ImageFolder('test', tmp_path, 3)
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
