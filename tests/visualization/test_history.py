import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from vqvae_tf.runs.snapshots import Snapshot
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.visualization import history
from vqvae_tf.visualization.material import Inapplicable


def test_curves_have_a_gap_where_nothing_can_be_drawn():
  entries = [
    {'step': 1, 'bits_per_dim': 3, 'pixel_bits_per_dim': 2, 'psnr_db': 20.0},
    {'step': 2, 'bits_per_dim': 2, 'pixel_bits_per_dim': 1, 'psnr_db': None},
  ]
  figure = history.curves(entries)
  rate, distortion = figure.axes
  total, pixels = rate.lines
  assert total.get_xdata().tolist() == [1, 2]
  assert total.get_ydata().tolist() == [3, 2]
  assert pixels.get_ydata().tolist() == [2, 1]
  [decibels] = distortion.lines
  np.testing.assert_array_equal(decibels.get_ydata(), [20, np.nan])
  assert (rate.get_ylabel(), distortion.get_ylabel()) == ('bits/dim', 'dB')
  plt.close(figure)


def test_no_distortion_of_samples():
  figure = history.curves([{'step': 1, 'bits_per_dim': 3.0}])
  assert len(figure.axes) == 1
  plt.close(figure)


def _snapshot(step, level):
  originals = np.full([3, 2, 2, 1], 9, np.uint8)
  return Snapshot(step, originals, np.full_like(originals, level))


def test_frames_of_the_animation():
  film = history.animation([_snapshot(1, 0), _snapshot(1000, 200)])
  assert film.captions[:3] == ['step 1', 'step 1,000', 'step 1,000']
  assert len(film.frames) == len(film.captions) == 2 + history._HELD
  # Three images with a line between them, a gap, three images.
  assert film.frames.shape[1:] == (2, 8 + 4 + 8, 1)
  assert film.frames[0, 0, :2, 0].tolist() == [9, 9]
  assert film.frames[:3, 0, -1, 0].tolist() == [0, 200, 200]


def test_pictures_of_a_run(make, trained, tmp_path, monkeypatch):
  monkeypatch.setenv('PATH', str(tmp_path))
  material = make()
  material.workdir = trained
  [curves] = history.draw_curves(material, tmp_path)
  [film] = history.draw_animation(material, tmp_path)
  with Image.open(curves) as picture:
    assert picture.width > 300
  with Image.open(film) as picture:
    # Steps 1, 2 and 4; what is held is one long frame.
    assert picture.n_frames == 3
    durations = []
    for t in range(3):
      picture.seek(t)
      durations.append(picture.info['duration'])
  assert durations == [200, 200, 200 * (1 + history._HELD)]


def test_nothing_to_draw_yet(make, tmp_path):
  material = make()
  material.workdir = workdir = Workdir(tmp_path)
  entry = {'step': 1, 'group': 'train', 'loss': 1.0}
  workdir.metrics_path.write_text(json.dumps(entry) + '\n')
  with pytest.raises(Inapplicable, match='has no validation yet'):
    history.draw_curves(material, tmp_path)
  with pytest.raises(Inapplicable, match='has no snapshots: it was trained be'):
    history.draw_animation(material, tmp_path)
