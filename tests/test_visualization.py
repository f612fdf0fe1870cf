import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from vqvae_tf import checkpoints, subjects, visualization


@pytest.fixture(autouse=True)
def closed_figures():
  yield
  plt.close('all')


def _images(count, channels=1):
  rng = np.random.default_rng(0)
  return rng.integers(0, 256, (count, 8, 6, channels), np.uint8)


def test_all_is_drawn(exported, digits, tmp_path):
  folder = tmp_path / 'new' / 'pictures'
  subject = subjects.from_export(exported)
  paths = visualization.draw_all(subject, digits['validation'], folder)
  names = ['reconstructions.png', 'codes.png', 'code_usage.png']
  assert paths == [folder / name for name in names]
  for path in paths:
    with Image.open(path) as picture:
      picture.load()
      assert picture.width > 300 and picture.height > 100
  assert not plt.get_fignums()


@pytest.mark.parametrize('channels', [1, 3])
def test_reconstructions_lie_below_their_originals(channels):
  originals = _images(14, channels)
  figure = visualization.reconstructions(originals, 255 - originals)
  [axes] = figure.axes
  # Two rows of 12 and two of 2, a line of a pixel between images, two below.
  picture = axes.images[0].get_array()
  assert picture.shape[:2] == (4 * (8 + 2), 12 * (6 + 1) - 1)
  picture = np.asarray(picture).reshape(*picture.shape[:2], -1)
  np.testing.assert_array_equal(picture[:8, :6], originals[0])
  np.testing.assert_array_equal(picture[10:18, :6], 255 - originals[0])
  np.testing.assert_array_equal(picture[20:28, 7:13], originals[13])
  error = (2.0 * originals - 255) ** 2
  psnr_db = 10 * np.log10(255**2 / error.mean())
  assert f'({psnr_db:.1f} dB)' in axes.get_title()


@pytest.mark.parametrize('count, columns', [(1, 1), (9, 6)])
def test_code_maps(count, columns):
  codes = np.arange(count * 12).reshape(count, 4, 3, 1) % 16
  figure = visualization.code_maps(_images(count), codes, 16)
  assert len(figure.axes) == 2 * columns
  np.testing.assert_array_equal(
    figure.axes[columns].images[0].get_array(), codes[0, ..., 0]
  )
  assert figure.axes[columns].images[0].get_clim() == (0, 15)
  assert '4x3 positions out of K = 16' in figure.get_suptitle()


def test_code_usage():
  figure = visualization.code_usage(np.array([0, 2, 6, 0]))
  [axes] = figure.axes
  assert [bar.get_height() for bar in axes.patches] == [0.75, 0.25, 0, 0]
  # Entropy of (1/4, 3/4): 0.8113 bits, 1.75 codes.
  assert '50.0 % of 4 codes in use, perplexity 1.8' in axes.get_title()


def test_curves_of_a_run(trained, tmp_path):
  [path] = visualization.draw_curves(trained, tmp_path)
  assert path == tmp_path / 'training.png'
  with Image.open(path) as picture:
    assert picture.width > 300


def test_curves_have_a_gap_where_nothing_can_be_drawn():
  entries = [
    {'step': 1, 'bits_per_dim': 3.0, 'psnr_db': 20.0},
    {'step': 2, 'bits_per_dim': 2.0, 'psnr_db': None},
  ]
  figure = visualization.training_curves(entries)
  bits_per_dim, psnr_db = (axes.lines[0] for axes in figure.axes)
  assert bits_per_dim.get_xdata().tolist() == [1, 2]
  assert bits_per_dim.get_ydata().tolist() == [3.0, 2.0]
  np.testing.assert_array_equal(
    np.asarray(psnr_db.get_ydata(), float), [20.0, np.nan]
  )


def test_no_curves_before_the_first_validation(tmp_path):
  workdir = checkpoints.Workdir(tmp_path)
  assert visualization.draw_curves(workdir, tmp_path / 'pictures') == []
  entry = {'step': 1, 'group': 'train', 'loss': 1.0}
  workdir.metrics_path.write_text(json.dumps(entry) + '\n')
  assert visualization.draw_curves(workdir, tmp_path / 'pictures') == []
  assert not (tmp_path / 'pictures').exists()


def test_a_picture_that_cannot_be_written(exported, digits, tmp_path):
  (tmp_path / 'reconstructions.png').symlink_to('/dev/full')
  subject = subjects.from_export(exported)
  with pytest.raises(OSError, match='cannot write .*reconstructions.png: .*No'):
    visualization.draw_all(subject, digits['validation'], tmp_path)
  assert list(tmp_path.iterdir()) == []
