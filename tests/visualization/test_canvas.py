import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from vqvae_tf.visualization import canvas

# Three images of 4 rows and 8 columns of pixels.
_BATCH = np.arange(96, dtype=np.uint8).reshape(3, 4, 8, 1)
# 9 inches for 9 images, less the gap.
_WIDTH = 1 - canvas._GAP


@pytest.fixture
def sheet():
  yield canvas.sheet
  plt.close('all')


def test_rows_of_images(sheet):
  figure = sheet([canvas.Strip('three', _BATCH, 9)])
  [axes] = figure.axes
  assert [text.get_text() for text in axes.texts] == ['three']
  for i, (shown, image) in enumerate(zip(axes.images, _BATCH, strict=True)):
    np.testing.assert_array_equal(shown.get_array(), image[..., 0])
    left, right, bottom, top = shown.get_extent()
    assert (left, top) == (i, canvas._TITLE)
    # Half as high as wide, like the image.
    assert right - left == pytest.approx(_WIDTH)
    assert bottom - top == pytest.approx(_WIDTH / 2)
    assert shown.get_interpolation() == 'nearest'
    assert shown.get_clim() == (0, 255)
  # An inch of the axes is an inch on the paper.
  height = np.ptp(axes.get_ylim())
  assert height == pytest.approx(canvas._TITLE + _WIDTH / 2 + canvas._GAP)
  size = axes.get_position().size * figure.get_size_inches()
  assert tuple(size) == pytest.approx((9, height))


def test_names_of_rows(sheet):
  strip = canvas.Strip('t', _BATCH, 2, rows=['first', 'second'])
  [axes] = sheet([strip]).axes
  _, *names = axes.texts
  assert [name.get_text() for name in names] == ['first', 'second']
  for name, shown in zip(names, axes.images[::2], strict=True):
    left, _, bottom, top = shown.get_extent()
    x, y = name.get_position()
    assert y == pytest.approx((bottom + top) / 2)
    assert x < left == canvas._MARGIN and name.get_ha() == 'right'
  # They take no room of the images' width beyond the largest cell.
  wide = canvas.Strip('t', _BATCH, 9, rows=['all'])
  [axes] = sheet([wide]).axes
  left, right, *_ = axes.images[0].get_extent()
  width = (9 - canvas._MARGIN) / 9 - canvas._GAP
  assert right - left == pytest.approx(width)


def test_a_second_row_is_below_the_labels(sheet):
  [axes] = sheet([canvas.Strip('', _BATCH[:2], 1, 'ab')]).axes
  tops = [shown.get_extent()[3] for shown in axes.images]
  height = canvas._LARGEST_CELL - canvas._GAP
  step = height / 2 + canvas._LABEL + canvas._GAP
  assert tops[1] - tops[0] == pytest.approx(step)
  places = {text.get_text(): text.get_position()[1] for text in axes.texts}
  assert tops[0] + height / 2 < places['a'] < tops[1] < places['b']


def test_numbers_have_a_scale(sheet):
  scale = canvas.Scale(-1, 3, 'bits', 'magma')
  numbers = np.ones([2, 4, 8])
  figure = sheet(
    [canvas.Strip('', numbers, 9, scale=scale), canvas.Strip('', _BATCH, 9)]
  )
  first, second, bar = figure.axes
  assert first.images[1].get_clim() == (-1, 3)
  assert first.images[1].get_cmap().name == 'magma'
  assert bar.get_ylabel() == 'bits'
  assert first.get_position().y0 == pytest.approx(second.get_position().y1)
  assert bar.get_position().x0 > first.get_position().x1


def test_a_scale_stands_beside_its_images(sheet):
  scale = canvas.Scale(0, 1, 'bits')
  figure = sheet([canvas.Strip('', np.ones([2, 4, 8]), 2, scale=scale)])
  _, bar = figure.axes
  left = bar.get_position().x0 * figure.get_figwidth()
  expected = 2 * canvas._LARGEST_CELL + 2 * canvas._GAP
  assert left == pytest.approx(expected)


def test_marks_are_in_pixels(sheet):
  mark = canvas.Mark(1, (1, 2, 3, 4), 'blue')
  [axes] = sheet([canvas.Strip('', _BATCH, 9, marks=[mark])]).axes
  *borders, frame = axes.patches
  assert len(borders) == 3
  pixel = _WIDTH / 8
  assert frame.get_xy() == pytest.approx(
    (1 + 2 * pixel, canvas._TITLE + 1 * pixel)
  )
  assert frame.get_width() == pytest.approx(4 * pixel)
  assert frame.get_height() == pytest.approx(3 * pixel)


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
  path = canvas.save(
    canvas.sheet([canvas.Strip('', _BATCH, 9)]), tmp_path / 'a.png'
  )
  with Image.open(path) as picture:
    picture.load()
    assert picture.width == pytest.approx(9.1 * canvas._DOTS_PER_INCH, abs=1)
  (tmp_path / '.b.png.partial').symlink_to('/dev/full')
  with pytest.raises(OSError, match='cannot write .*b.png: .*No space'):
    canvas.save(canvas.sheet([canvas.Strip('', _BATCH, 9)]), tmp_path / 'b.png')
  assert list(tmp_path.iterdir()) == [path]
