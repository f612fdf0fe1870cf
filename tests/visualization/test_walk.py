import numpy as np
from PIL import Image

from vqvae_tf.visualization import canvas, film, walk


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


def test_a_guided_walk_draws_from_the_prior():
  """Two codes of three values, whose joint masses are known."""
  masses = np.array([[0.3, 0.1, 0.05], [0.05, 0.2, 0.3]])
  calls = []

  def bits(codes):
    calls.append(len(codes))
    return -np.log2(masses[codes[:, 0, 0, 0], codes[:, 0, 0, 1]])

  start = np.zeros([1, 1, 2], np.int32)
  rng = np.random.default_rng(0)
  codes = walk.guided_walk(start, (2, 3), 5000, rng, bits)
  assert codes.shape == (5000, 1, 1, 2) and not codes[0].any()
  shares = np.zeros([2, 3])
  np.add.at(shares, tuple(codes[:, 0, 0].T), 1 / 5000)
  # Frames 16 proposals apart are nearly independent: the standard error of a
  # share is at most 0.5 / sqrt(5000) = 0.007.
  np.testing.assert_allclose(shares, masses, atol=0.03)
  # The first code alone; then batches, none of which can pass more proposals
  # than it has.
  assert set(calls[1:]) == {16} and len(calls) > 5000
  again = walk.guided_walk(start, (2, 3), 5, np.random.default_rng(0), bits)
  np.testing.assert_array_equal(codes[:5], again)


def test_what_cannot_be_is_never_reached():
  def bits(codes):
    return np.where(codes[:, 0, 0, 0] > 1, np.inf, 0.0)

  start = np.zeros([1, 1, 1], np.int32)
  rng = np.random.default_rng(0)
  codes = walk.guided_walk(start, (4,), 100, rng, bits)
  assert set(codes.flat) == {0, 1}


def test_a_single_code_stays():
  start = np.zeros([1, 1, 1], np.int32)
  rng = np.random.default_rng(0)
  codes = walk.guided_walk(start, (1,), 3, rng, lambda z: np.zeros(len(z)))
  assert not codes.any()


def test_both_walks_beside_each_other(make, tmp_path, monkeypatch):
  drawn = []
  monkeypatch.setattr(canvas, 'sheet', drawn.extend)
  monkeypatch.setattr(canvas, 'save', lambda figure, path: path)
  monkeypatch.setattr(film, 'write', lambda *args: drawn.append(args[0]) or [])
  material = make(num_frames=9, num_classes=3)
  walk.draw(material, tmp_path)
  moving, random, guided = drawn
  # The image and two walks, with gaps.
  assert moving.frames.shape == (9, 4, 6 + 2 + 6 + 2 + 6, 1)
  assert moving.captions[3] == 'image | random | guided   3 of 9'
  first = np.abs(material.codes[0] - material.labels[0]).mean()
  for strip in (random, guided):
    assert strip.title.endswith('; bits per code under the prior')
    assert strip.labels[0] == f'frame 0: {first:.1f} bits'
  # Codes 16 away from what the class likes are hardly taken.
  costs = [float(strip.labels[-1].split()[-2]) for strip in (random, guided)]
  assert costs[1] < 3


def test_a_film_of_a_walk(make, tmp_path, monkeypatch):
  monkeypatch.setenv('PATH', str(tmp_path))
  film, frames = walk.draw(make(num_frames=12), tmp_path)
  with Image.open(film) as picture:
    assert picture.n_frames == 12
    assert picture.info['duration'] == 40
  assert frames == tmp_path / 'walk.png'
