"""Folders of sound and the spoken digits."""

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import datasets
from vqvae_tf.datasets import pipeline, splits
from vqvae_tf.datasets.recordings import Recording, Recordings
from vqvae_tf.errors import UserError
from vqvae_tf.media import audio

RATE = 8_000


def _tone(hz, count):
  return 0.5 * np.sin(2 * np.pi * hz * np.arange(count) / RATE)


def _all(source):
  return source.fetch(tf.range(source.num_examples, dtype=tf.int64))


@pytest.fixture(scope='module')
def windows():
  """Three recordings, of 10, 4 and 3 levels, in windows of 4."""
  levels = np.arange(100, dtype=np.uint8)
  recordings = [
    Recording(levels[:10], 0),
    Recording(levels[20:24], 1),
    Recording(levels[30:33], 2),
  ]
  return Recordings('x', 'train', recordings, 4, ('a', 'b', 'c'))


def test_windows_cover_recordings(windows):
  examples, labels = _all(windows)
  assert windows.example_shape == (4, 1)
  np.testing.assert_array_equal(
    examples[..., 0],
    [
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      # The last ends with the recording.
      [6, 7, 8, 9],
      [20, 21, 22, 23],
      [30, 31, 32, audio.SILENCE],
    ],
  )
  np.testing.assert_array_equal(labels, [0, 0, 0, 1, 2])


def test_training_begins_anywhere_in_a_recording(windows):
  draws = tf.constant(np.arange(70) / 70, tf.float32)
  examples, labels = windows.moved(tf.zeros([70], tf.int64), draws)
  # Each of the seven places as often, and all within the recording.
  firsts, counts = np.unique(examples[:, 0, 0], return_counts=True)
  np.testing.assert_array_equal(firsts, np.arange(7))
  assert counts.min() >= 9
  np.testing.assert_array_equal(labels, np.zeros(70))
  batches = pipeline.shuffled(windows, 8, seed=1)
  one, other = (next(iter(batches.skip(3)))[0] for _ in range(2))
  np.testing.assert_array_equal(one, other)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """Class folders with 20 sounds in each, of 16 kHz."""
  root = tmp_path_factory.mktemp('sounds')
  for name, hz in ('high', 900), ('low', 300):
    (root / name).mkdir()
    for i in range(20):
      values = 0.5 * np.sin(2 * np.pi * hz * np.arange(2_000) / 16_000)
      audio.write(root / name / f'{i}.wav', values, 16_000)
  return root


def _open(split, folder, **kwargs):
  kwargs = {'sample_rate': RATE, 'length': 256, **kwargs}
  return datasets.open_source('audio_folder', split, folder, **kwargs)


def test_a_folder_of_classes(folder):
  paths = folder.rglob('*.wav')
  names = sorted(path.relative_to(folder).as_posix() for path in paths)
  counts = {}
  for split in datasets.SPLITS:
    source = _open(split, folder)
    own = [name for name in names if splits.by_name(name) == split]
    # 1,000 samples at 8 kHz: three windows of 256 and one that overlaps.
    assert source.num_examples == 4 * len(own)
    assert source.class_names == ('high', 'low')
    counts[split] = len(own)
    examples, labels = _all(source)
    expected = np.repeat([name.startswith('low') for name in own], 4)
    np.testing.assert_array_equal(labels, expected)
  assert sum(counts.values()) == 40 and min(counts.values()) > 0
  # What was written, at half the rate.
  sound = audio.from_mu_law(examples[1, :, 0])
  assert 0.45 < np.abs(sound).max() < 0.55


def test_files_beside_each_other_have_no_classes(folder, tmp_path):
  for i, path in enumerate((folder / 'low').iterdir()):
    (tmp_path / f'{i}.wav').write_bytes(path.read_bytes())
  assert _open('train', tmp_path).class_names == ()
  (tmp_path / 'more').mkdir()
  (tmp_path / 'more' / 'x.wav').write_bytes(path.read_bytes())
  with pytest.raises(UserError, match='both class folders and files beside'):
    _open('train', tmp_path)


@pytest.mark.parametrize(
  'content, message',
  [
    (b'nothing', r'cannot read the sound .*x0.wav: .*; remove the file'),
    (np.zeros(9), 'x0.wav is silent: remove the file'),
    (np.zeros(0), 'x0.wav is empty: it has no samples; remove the file'),
  ],
)
def test_bad_files_are_named(content, message, tmp_path):
  path = tmp_path / 'x0.wav'
  if isinstance(content, bytes):
    path.write_bytes(content)
  else:
    audio.write(path, content, RATE)
  with pytest.raises(UserError, match=message):
    _open(splits.by_name('x0.wav'), tmp_path)


def test_mistakes_are_told(folder, tmp_path):
  with pytest.raises(UserError, match='no such folder: .*nowhere'):
    _open('train', tmp_path / 'nowhere')
  with pytest.raises(UserError, match='none of the 0 sounds .* extensions'):
    _open('train', tmp_path)
  with pytest.raises(ValueError, match='needs the folder of sounds'):
    datasets.open_source('audio_folder', 'train')
  with pytest.raises(ValueError, match='--sample_rate, --length'):
    _open('train', folder, sample_rate=0)


@pytest.fixture(scope='module')
def digits_folder(tmp_path_factory):
  root = tmp_path_factory.mktemp('digits') / 'recordings'
  root.mkdir()
  for digit in range(3):
    for index in range(15):
      values = _tone(300 + 100 * digit, 500 + index)
      audio.write(root / f'{digit}_ann_{index}.wav', values, RATE)
  return root


@pytest.mark.parametrize(
  'split, indices',
  [('test', range(5)), ('validation', range(10, 15)), ('train', range(5, 10))],
)
def test_spoken_digits_are_split_as_published(split, indices, digits_folder):
  source = datasets.open_source(
    'spoken_digits', split, digits_folder.parent, length=600
  )
  assert source.num_examples == 3 * len(indices)
  examples, labels = _all(source)
  assert source.class_names == tuple('0123456789')
  np.testing.assert_array_equal(labels, np.repeat(range(3), len(indices)))
  # How long each is says which it is: the rest is silence.
  sizes = (np.cumsum(examples[..., 0] != audio.SILENCE, 1)).argmax(1) + 1
  expected = 500 + np.array([int(i) for i in sorted(map(str, indices))])
  np.testing.assert_allclose(sizes[: len(indices)], expected, atol=1)


def test_other_names_are_refused(digits_folder, tmp_path):
  with pytest.raises(UserError, match='has no recordings DIGIT_SPEAKER_INDEX'):
    datasets.open_source('spoken_digits', 'test', tmp_path, length=9)
  (tmp_path / 'ann_3.wav').touch()
  with pytest.raises(UserError, match='ann_3.wav is not called DIGIT_SPEAKER'):
    datasets.open_source('spoken_digits', 'test', tmp_path, length=9)
