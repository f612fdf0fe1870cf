"""Labels, parts of images and pictures; what a prior draws is a stub's."""

import numpy as np
import pytest
from PIL import Image

from vqvae_tf import configs
from vqvae_tf.errors import UserError
from vqvae_tf.models import ServedPrior, Traits
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.sampling import complete, draw, folder
from vqvae_tf.serving.subject import Subject

NAMES = ('cat', 'dog', '1')


def _sample(num, seed, label, temperature, top_p, given, mask):
  """Images [8, 8, 1] whose level counts calls, and codes that are the label."""
  codes = np.where(mask, given, label) + np.zeros([num, 4, 2, 1], np.int32)
  level = 10 * seed[1].numpy() + np.arange(num)
  images = np.zeros([num, 8, 8, 1], np.uint8)
  images += level.astype(np.uint8)[:, None, None, None]
  return {'codes': codes, 'images': images}


def _encode(images):
  """Codes [4, 2] of images [8, 8]: their first pixels."""
  return {'codes': images.numpy()[:, ::2, ::4].astype(np.int32)}


def _subject(num_classes):
  doors = {'encode': _encode, 'sample': _sample}
  traits = Traits((4, 2, 1), (256,), False)
  config = configs.observed(configs.Config(), (8, 8, 1), NAMES)
  prior = None
  if num_classes is not None:
    prior = ServedPrior(doors, (4, 2, 1), (256,), num_classes)
  return Subject(doors, traits, config, 'a stub', prior)


@pytest.fixture
def subject():
  return _subject(3)


@pytest.fixture
def unconditional():
  return _subject(0)


class TestLabels:
  @pytest.mark.parametrize(
    'name, expected',
    # The class '1' is number 2.
    [(None, [0, 1, 2]), ('dog', [1]), ('0', [0]), ('1', [2]), ('2', [2])],
  )
  def test_by_name_or_number(self, subject, name, expected):
    assert draw.labels(subject, name) == expected

  def test_no_classes(self, unconditional):
    assert draw.labels(unconditional, None) == [-1]
    with pytest.raises(UserError, match='a stub knows no classes: leave --l'):
      draw.labels(unconditional, 'dog')

  @pytest.mark.parametrize('name', ['dgo', '3', '-1'])
  def test_unknown(self, subject, name):
    match = f'--label={name} is no class and no number in 0..2'
    with pytest.raises(UserError, match=match):
      draw.labels(subject, name)

  def test_no_prior(self, subject):
    match = 'a stub has no prior to draw from: train one with bin/prior'
    with pytest.raises(UserError, match=match):
      draw.labels(_subject(None), None)


class TestKeep:
  IMAGE = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)

  @pytest.mark.parametrize(
    'part, rows, columns',
    [
      ('left', '1111', '10'),
      ('right', '1111', '01'),
      ('top', '1100', '11'),
      ('bottom', '0011', '11'),
      # Centres lie at 1, 3, 5, 7 and at 2, 6.
      ('0,1,3,6', '1110', '10'),
      ('2,2,7,5', '0100', '11'),
    ],
  )
  def test_codes_with_their_centre_in_the_part(
    self, subject, part, rows, columns
  ):
    kept = complete.keep(subject, self.IMAGE, part)
    is_in = np.outer(*(np.array(list(s)) == '1' for s in (rows, columns)))
    np.testing.assert_array_equal(kept.mask[0, ..., 0], is_in)
    np.testing.assert_array_equal(kept.codes[0], self.IMAGE[::2, ::4])
    pixels = is_in.repeat(2, 0).repeat(4, 1)[..., np.newaxis]
    expected = np.where(pixels, self.IMAGE, 128)
    np.testing.assert_array_equal(kept.image, expected)
    assert kept.image.dtype == np.uint8

  @pytest.mark.parametrize('part', ['lfet', '1,2,3', '1,2,3,4.5', ''])
  def test_no_part(self, subject, part):
    match = f'--keep={part}: give left, right, top, bottom or x0,y0,x1,y1'
    with pytest.raises(UserError, match=match):
      complete.keep(subject, self.IMAGE, part)

  def test_nothing_in_it(self, subject):
    match = '--keep=0,0,1,8 keeps none of the 4x2 codes: .* has 8x8 pixels'
    with pytest.raises(UserError, match=match):
      complete.keep(subject, self.IMAGE, '0,0,1,8')

  def test_an_image_that_does_not_fit(self, subject):
    match = r'a stub takes images \(8, 8, 1\), but the image has \(8, 8, 3\)'
    with pytest.raises(UserError, match=match):
      complete.keep(subject, np.zeros([8, 8, 3], np.uint8), 'left')


class TestDraw:
  def test_classes_share_the_images(self, subject):
    draws = draw.draw(subject, 8, [0, 1, 2], 5, batch_size=2)
    assert draws.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    np.testing.assert_array_equal(draws.codes[:, 0, 0, 0], draws.labels)
    # Each call has a seed of its own; what is too many is dropped.
    levels = draws.images[:, 0, 0, 0].tolist()
    assert levels == [0, 1, 10, 20, 21, 30, 40, 41]

  def test_fewer_images_than_classes(self, subject):
    assert draw.draw(subject, 2, [0, 1, 2], 5).labels.tolist() == [0, 1]

  def test_kept_codes_go_along(self, subject):
    image = np.full([8, 8, 1], 77, np.uint8)
    kept = complete.keep(subject, image, 'left')
    codes = draw.draw(subject, 2, [1], 5, kept=kept).codes
    np.testing.assert_array_equal(codes[..., 0, 0], 77)
    np.testing.assert_array_equal(codes[..., 1, 0], 1)


def _draws(labels):
  images = np.zeros([len(labels), 8, 8, 1], np.uint8)
  images += np.arange(len(labels), dtype=np.uint8)[:, None, None, None]
  return draw.Draws(None, images, np.array(labels))


class TestPicture:
  # Sides of 8 pixels are shown at 48, with white lines of 6.
  STEP = 54

  def test_a_row_for_each_class(self):
    picture = folder.picture(_draws([0, 0, 2]), NAMES)
    assert picture.size == (80 + 2 * self.STEP - 6, 2 * self.STEP - 6)
    pixels = np.asarray(picture)
    middle = [[24, 24 + self.STEP][i] for i in range(2)]
    found = pixels[np.ix_(middle, [80 + m for m in middle])][..., 0]
    assert found.tolist() == [[0, 1], [2, 255]]
    # Both have a name.
    assert pixels[:48, :80].min() < 128 and pixels[-48:, :80].min() < 128

  def test_names_of_any_script(self):
    folder.picture(_draws([0, 0, 1]), ('猫', 'œuvre'))

  def test_a_square_of_one_class(self):
    picture = folder.picture(_draws([1] * 5), NAMES)
    assert picture.size == (3 * self.STEP - 6, 2 * self.STEP - 6)

  def test_what_is_kept_comes_first(self):
    kept = complete.Kept(None, None, np.full([8, 8, 1], 99, np.uint8))
    pixels = np.asarray(folder.picture(_draws([-1] * 3), (), kept))
    assert pixels[24, [24, 24 + self.STEP], 0].tolist() == [99, 0]
    rows = np.asarray(folder.picture(_draws([0, 0, 1, 1]), NAMES, kept))
    assert rows[[24, 24 + self.STEP], 80 + 24, 0].tolist() == [99, 99]


def test_files(tmp_path):
  draws = _draws([2, 2, 2])._replace(codes=np.ones([3, 4, 2, 1], np.int32))
  grid = Image.new('RGB', (5, 4), 'red')
  files = folder.write(tmp_path / 'out', draws, grid)
  assert [file.name for file in files] == ['grid.png', 'images', 'codes.npz']
  with Image.open(files[0]) as image:
    assert image.size == (5, 4)
  for i in range(3):
    with Image.open(files[1] / f'000{i}.png') as image:
      np.testing.assert_array_equal(image, np.full([8, 8], i))
  assert len(list(files[1].iterdir())) == 3
  with np.load(files[2]) as arrays:
    np.testing.assert_array_equal(arrays['codes'], draws.codes)
    np.testing.assert_array_equal(arrays['labels'], draws.labels)


def _numbers(folder):
  return sorted(int(path.stem) for path in (folder / 'images').iterdir())


def test_files_of_an_earlier_call_are_replaced(tmp_path):
  grid = Image.new('RGB', (5, 4))
  for count in (5, 3):
    draws = _draws([0] * count)._replace(codes=np.ones([count, 4, 2, 1]))
    folder.write(tmp_path, draws, grid)
    assert _numbers(tmp_path) == list(range(count))
  # One that no call has left in this place.
  (tmp_path / 'images' / '0007.png').touch()
  folder.write(tmp_path, draws, grid)
  assert _numbers(tmp_path) == [0, 1, 2, 7]


def test_images_of_others_stay(tmp_path):
  (tmp_path / 'images').mkdir()
  (tmp_path / 'images' / '0001.png').touch()
  draws = _draws([0])._replace(codes=np.ones([1, 4, 2, 1]))
  folder.write(tmp_path, draws, Image.new('RGB', (5, 4)))
  assert _numbers(tmp_path) == [0, 1]


def test_the_folder_of_a_run_is_left_alone(tmp_path):
  """Its codes.npz has the codes that a prior is trained on."""
  Workdir(tmp_path).save_config(configs.Config())
  (tmp_path / 'codes.npz').write_text('of the data')
  draws = _draws([0])._replace(codes=np.ones([1, 4, 2, 1]))
  with pytest.raises(UserError, match='is the folder of a run.* --output'):
    folder.write(tmp_path, draws, Image.new('RGB', (5, 4)))
  assert (tmp_path / 'codes.npz').read_text() == 'of the data'
  assert not (tmp_path / 'images').exists()


class TestImages:
  @pytest.mark.parametrize('channels', [1, 3])
  def test_a_file(self, tmp_path, channels):
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    Image.fromarray(pixels).save(tmp_path / 'a.png')
    image = complete.read_image(tmp_path / 'a.png', (8, 8, channels))
    expected = np.repeat(pixels[..., np.newaxis], channels, -1)
    np.testing.assert_array_equal(image, expected)

  def test_no_file(self, tmp_path):
    with pytest.raises(UserError, match='cannot read the image .*none.png'):
      complete.read_image(tmp_path / 'none.png', (8, 8, 1))

  def test_of_a_split(self, digits):
    data = digits['test']
    image = complete.pick_image(data, 178)
    np.testing.assert_array_equal(image, data.fetch([178])[0][0])

  @pytest.mark.parametrize('index', [-1, 179])
  def test_not_in_a_split(self, digits, index):
    match = f'--index={index} is not in 0..178, the images of digits test'
    with pytest.raises(UserError, match=match):
      complete.pick_image(digits['test'], index)
