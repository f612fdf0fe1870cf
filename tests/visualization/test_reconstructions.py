import numpy as np

from vqvae_tf.visualization import canvas, reconstructions


def test_errors_by_hand():
  originals = np.zeros([2, 2, 2, 3], np.uint8)
  decoded = originals.copy()
  decoded[0, 0, 1] = 3, 0, 6
  first, second, third = reconstructions.strips('o', originals, decoded, False)
  assert first.title == 'o' and second.title == 'reconstructions'
  assert first.batch is originals and second.batch is decoded
  assert third.batch[0].tolist() == [[0, 3], [0, 0]]
  # 45 / 12 over pixels and channels.
  decibels = 10 * np.log10(255**2 / 3.75)
  assert list(third.labels) == [f'{decibels:.1f} dB', 'inf dB']
  assert third.scale.low == 0 and 1 <= third.scale.high <= 3


def test_samples_are_called_samples():
  batch = np.zeros([1, 2, 2, 1], np.uint8)
  strips = reconstructions.strips('', batch, batch, True)
  assert strips[1].title == 'one sample each, given the codes'


def test_extremes_are_in_order(make, tmp_path, monkeypatch):
  drawn = []
  monkeypatch.setattr(canvas, 'sheet', drawn.append)
  monkeypatch.setattr(canvas, 'save', lambda figure, path: path)
  material = make()
  # Image 7 is the best, image 3 the worst.
  material.errors = np.array([5.0, 5, 5, 9, 5, 5, 5, 1, 5, 5])
  [path] = reconstructions.draw_extremes(material, tmp_path)
  assert path == tmp_path / 'extremes.png'
  best, _, _, worst, _, _ = drawn[0]
  assert best.title == 'the best 8 of 10 by PSNR: originals'
  assert best.batch[0, 0, 0, 0] == 70
  assert worst.title == 'the worst 8 of 10 by PSNR: originals'
  assert worst.batch[0, 0, 0, 0] == 30


def test_samples_have_random_numbers_of_their_own(make, tmp_path, monkeypatch):
  drawn = []
  monkeypatch.setattr(canvas, 'sheet', drawn.append)
  monkeypatch.setattr(canvas, 'save', lambda figure, path: path)
  material = make(decoder='autoregressive')
  reconstructions.draw(material, tmp_path)
  _, samples, _ = drawn[0]
  # The noise of row i is i.
  blocks = 10 * material.codes[:8, 0, 0, 0] + np.arange(8)
  np.testing.assert_array_equal(samples.batch[:, 0, 0, 0], blocks)
