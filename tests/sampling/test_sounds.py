"""Sounds that are drawn, as files."""

import numpy as np

from vqvae_tf.media import audio
from vqvae_tf.sampling import folder
from vqvae_tf.sampling.draw import Draws

LEVELS = np.arange(3 * 50, dtype=np.uint8).reshape(3, 50, 1)


def test_sounds_and_codes(tmp_path):
  draws = Draws(
    np.zeros([3, 2, 1], np.int32), LEVELS, np.array([4, 4, 7], np.int32)
  )
  paths = folder.write_sounds(tmp_path, draws, 8_000)
  assert paths == [tmp_path / 'sounds', tmp_path / 'codes.npz']
  for i, levels in enumerate(LEVELS):
    sound = audio.read(tmp_path / 'sounds' / f'{i:04d}.wav')
    assert sound.rate == 8_000
    # 16 bits tell all levels of mu-law apart.
    np.testing.assert_array_equal(audio.mu_law(sound.values), levels[:, 0])
  known = np.load(tmp_path / 'codes.npz')
  np.testing.assert_array_equal(known['labels'], [4, 4, 7])
  # Fewer take the place of all of them.
  folder.write_sounds(tmp_path, Draws(*(part[:1] for part in draws)), 8_000)
  assert [p.name for p in (tmp_path / 'sounds').iterdir()] == ['0000.wav']
