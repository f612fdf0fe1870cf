"""bin/compress and bin/decompress: images to a file and back."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from vqvae_tf.serving.codec import PLACE

_BIN = Path(__file__).resolve().parents[2] / 'bin'


@pytest.fixture(scope='module')
def photos(tmp_path_factory):
  """A folder of images: grey, of two sizes; and one that has colours."""
  folder = tmp_path_factory.mktemp('photos')
  rng = np.random.default_rng(0)
  for name, size in (('a.png', (9, 17)), ('below/b.bmp', (8, 8))):
    (folder / name).parent.mkdir(exist_ok=True)
    pixels = 15 * rng.integers(0, 17, size, np.uint8)
    Image.fromarray(pixels).save(folder / name)
  colours = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8))
  colours.save(folder.parent / 'colours.png')
  return folder


@pytest.fixture(scope='module')
def done(run_all, exported_with_prior, exported, photos, tmp_path_factory):
  """Status, stdout and stderr of each; what they write is in 'root'."""
  root = tmp_path_factory.mktemp('files')
  early = shutil.copytree(exported, root / 'early')
  (early / PLACE).unlink()
  (early / 'assets.extra' / 'manifest.json').unlink()
  (root / 'nothing').touch()
  (root / 'empty').mkdir()
  whole = (f'--model={exported_with_prior}',)
  digits = (f'--input={root}/digits.vqz',)
  calls = {
    'digits': ('compress', *whole, '--limit=20', f'--output={root}/digits.vqz'),
    'digits back': ('decompress', *whole, *digits, f'--output={root}/digits'),
    'one back': (
      'decompress',
      *whole,
      *digits,
      '--first=7',
      '--count=2',
      f'--output={root}/one',
    ),
    'photos': (
      'compress',
      *whole,
      f'--input={photos}',
      f'--output={root}/photos.vqz',
    ),
    'photos back': (
      'decompress',
      *whole,
      f'--input={root}/photos.vqz',
      f'--output={root}/photos',
    ),
    'lossy': (
      'compress',
      f'--model={early}',
      '--lossy',
      '--limit=5',
      f'--output={root}/lossy.vqz',
    ),
    'lossy back': (
      'decompress',
      f'--model={early}',
      f'--input={root}/lossy.vqz',
      f'--output={root}/lossy',
    ),
    'again': ('compress', *whole, f'--output={root}/digits.vqz'),
    'no flags': ('compress',),
    'no input': ('compress', *whole, '--input=/nowhere', f'--output={root}/x'),
    'no images': (
      'compress',
      *whole,
      f'--input={root}/empty',
      f'--output={root}/x',
    ),
    'colours': (
      'compress',
      *whole,
      f'--input={photos.parent}/colours.png',
      f'--output={root}/x',
    ),
    'idle flag': (
      'compress',
      *whole,
      f'--input={photos}',
      '--split=train',
      f'--output={root}/x',
    ),
    'not empty': (
      'decompress',
      *whole,
      *digits,
      f'--output={root}/one',
    ),
    'over it': (
      'decompress',
      *whole,
      *digits,
      '--count=1',
      '--overwrite',
      f'--output={root}/one',
    ),
    'too many': (
      'decompress',
      *whole,
      *digits,
      '--first=19',
      '--count=2',
      f'--output={root}/x',
    ),
    'foreign': (
      'decompress',
      f'--model={exported}',
      *digits,
      f'--output={root}/x',
    ),
    'nothing': (
      'decompress',
      *whole,
      f'--input={root}/nothing',
      f'--output={root}/x',
    ),
    'no file': (
      'decompress',
      *whole,
      f'--input={root}/gone',
      f'--output={root}/x',
    ),
  }
  commands = [[str(_BIN / name), *flags] for name, *flags in calls.values()]
  outcomes = run_all(commands, jobs=1)
  return {'root': root} | dict(zip(calls, outcomes, strict=True))


def output(done, name):
  status, out, err = done[name]
  assert status == 0, err
  return out


def read(folder):
  return {
    path.name: np.asarray(Image.open(path)) for path in folder.glob('*.png')
  }


def test_a_split_and_back(done, digits):
  images, _ = digits['test'].fetch(tf.range(20))
  images = images.numpy()[..., 0]
  path = done['root'] / 'digits.vqz'
  size = path.stat().st_size
  text = output(done, 'digits')
  assert f'written: {path}, 20 images, {size} bytes, ' in text
  assert f'{8 * size / images.size:.4f} bits/dim, ' in text
  assert 'written: 20 images into ' in output(done, 'digits back')
  found = read(done['root'] / 'digits')
  assert sorted(found) == [f'{k:06}.png' for k in range(20)]
  for k, image in enumerate(images):
    np.testing.assert_array_equal(found[f'{k:06}.png'], image)
  assert 'written: 2 images into ' in output(done, 'one back')
  found = read(done['root'] / 'one')
  # The first one came later, by --overwrite.
  assert sorted(found) == ['000000.png', '000007.png', '000008.png']
  output(done, 'over it')
  np.testing.assert_array_equal(found['000008.png'], images[8])


def test_image_files_and_back(done, photos):
  output(done, 'photos')
  output(done, 'photos back')
  found = read(done['root'] / 'photos')
  names = ('a.png', 'below/b.bmp')
  for number, name in enumerate(names):
    expected = np.asarray(Image.open(photos / name))
    np.testing.assert_array_equal(found[f'{number:06}.png'], expected)
  assert len(found) == 2


def test_codes_alone_by_an_early_export(done):
  assert 'has no manifest' in output(done, 'lossy')
  output(done, 'lossy back')
  assert len(read(done['root'] / 'lossy')) == 5


@pytest.mark.parametrize(
  'name, message',
  [
    ('again', 'digits.vqz exists already: give --overwrite to replace it'),
    ('no flags', 'give --model=EXPORT and --output=FILE'),
    ('no input', '/nowhere is missing: name an image or a folder of them'),
    ('no images', 'has no image in it'),
    ('colours', 'has colours, and the model is of grey images'),
    ('idle flag', '--data_dir and --split are for the data set of the model'),
    ('not empty', 'one has files already: name another folder, or give'),
    ('too many', 'has 20 images: there are not 2 from --first=19 on'),
    ('foreign', 'cannot read the file: another model wrote it'),
    ('nothing', 'cannot read the file: it is no VQZ file'),
    ('no file', 'No such file or directory'),
  ],
)
def test_mistakes_are_told_in_one_line(done, name, message):
  status, _, err = done[name]
  assert status == 1
  assert message in err and err.count('\n') == 1, err
  assert not (done['root'] / 'x').exists()
