import numpy as np
from PIL import Image

from vqvae_tf.visualization import walk


def test_one_code_moves_by_one():
  start, sizes = np.zeros([2, 3, 2], np.int32), (3, 5)
  codes = walk.random_walk(start, sizes, 300, np.random.default_rng(0))
  assert codes.shape == (300, 2, 3, 2)
  np.testing.assert_array_equal(codes[0], start)
  moves = np.mod(np.diff(codes, axis=0), sizes)
  assert np.all(np.count_nonzero(moves, (1, 2, 3)) == 1)
  # By one, up or down, around the end.
  assert set(moves[..., 0].flat) == {0, 1, 2}
  assert set(moves[..., 1].flat) == {0, 1, 4}
  assert codes.min() == 0 and codes.max((0, 1, 2)).tolist() == [2, 4]
  again = walk.random_walk(start, sizes, 300, np.random.default_rng(0))
  np.testing.assert_array_equal(codes, again)


def test_a_film_of_a_walk(make, tmp_path, monkeypatch):
  monkeypatch.setenv('PATH', str(tmp_path))
  film, frames = walk.draw(make(num_frames=12), tmp_path)
  with Image.open(film) as picture:
    assert picture.n_frames == 12
    assert picture.info['duration'] == 40
  assert frames == tmp_path / 'walk.png'
