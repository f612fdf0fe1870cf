import numpy as np
import pytest
from PIL import Image

from vqvae_tf.visualization import film

# What ffmpeg is told, and what it is given.
_FFMPEG = """#!/bin/sh
echo "$@" > {folder}/told
for path; do :; done
cat > "$path"
"""


@pytest.fixture
def ffmpeg(tmp_path, monkeypatch):
  """Puts a script in ffmpeg's place."""

  def install(script):
    folder = tmp_path / 'bin'
    folder.mkdir()
    (folder / 'ffmpeg').write_text(script.format(folder=folder))
    (folder / 'ffmpeg').chmod(0o755)
    monkeypatch.setenv('PATH', f'{folder}:/usr/bin:/bin')
    return folder

  return install


@pytest.fixture
def blinking():
  """Three frames, 3x5: a red pixel moves over blue."""
  frames = np.zeros([3, 3, 5, 3], np.uint8)
  frames[..., 2] = 255
  for t in range(3):
    frames[t, 1, t] = 255, 0, 0
  return film.Film(frames, ['one', 'two', 'three'], 20)


def test_panels_stand_beside_each_other():
  still = np.full([2, 2, 1], 7, np.uint8)
  moving = np.arange(6, dtype=np.uint8).reshape(3, 2, 1, 1)
  frames = film.beside([still, moving], gap=1)
  assert frames.shape == (3, 2, 4, 1)
  assert frames[2, ..., 0].tolist() == [[7, 7, 255, 4], [7, 7, 255, 5]]


@pytest.mark.parametrize(
  'height, width, expected',
  [
    (32, 100, 4),
    # Five times 58 pixels are the first that a caption fits below.
    (28, 58, 5),
    (200, 200, 2),
    # Too high for what the caption wants.
    (300, 20, 1),
    (700, 700, 1),
  ],
)
def test_how_often_a_pixel_is_repeated(height, width, expected):
  assert film.scale(height, width) == expected


def test_a_gif_keeps_every_pixel(tmp_path, blinking, monkeypatch):
  monkeypatch.setenv('PATH', str(tmp_path))
  path = tmp_path / 'a.gif'
  assert film.write(blinking, path) == [path]
  scale = film.scale(3, 5)
  with Image.open(path) as picture:
    assert picture.n_frames == 3
    assert picture.size == (5 * scale, 3 * scale + film._CAPTION)
    assert picture.info['duration'] == 1000 // 20
    assert picture.info['loop'] == 0
    for t in range(3):
      picture.seek(t)
      shown = np.asarray(picture.convert('RGB'))
      pixels = shown[: 3 * scale]
      # Each pixel is a square: nothing is blurred.
      expected = blinking.frames[t].repeat(scale, 0).repeat(scale, 1)
      np.testing.assert_array_equal(pixels, expected)
      # Colours that are alike share one of a palette: white is nearly white.
      caption = shown[3 * scale :]
      assert caption.max() > 240 and caption.min() < 100


def test_grey_images_and_small_changes_make_small_files(tmp_path, monkeypatch):
  monkeypatch.setenv('PATH', str(tmp_path))
  noise = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 1), np.uint8)
  still = film.Film(np.repeat(noise, 20, 0), [str(t) for t in range(20)], 25)
  [path] = film.write(still, tmp_path / 'still.gif')
  size = path.stat().st_size
  first = film.Film(noise, ['0'], 25)
  [path] = film.write(first, tmp_path / 'first.gif')
  # The caption alone is new: less than a quarter of the first frame.
  assert size < path.stat().st_size * (1 + 19 / 4)


def test_ffmpeg_is_given_all_frames(tmp_path, blinking, ffmpeg):
  folder = ffmpeg(_FFMPEG)
  paths = film.write(blinking, tmp_path / 'a.gif')
  assert [path.name for path in paths] == ['a.gif', 'a.mp4']
  scale = film.scale(3, 5)
  width, height = 5 * scale, 3 * scale + film._CAPTION
  assert paths[1].stat().st_size == 3 * width * height * 3
  told = (folder / 'told').read_text()
  assert f'-pix_fmt rgb24 -s {width}x{height} -r 20 -i - ' in told
  pixel = np.frombuffer(paths[1].read_bytes(), np.uint8)[:3]
  assert pixel.tolist() == [0, 0, 255]


def test_ffmpeg_that_fails(tmp_path, blinking, ffmpeg):
  ffmpeg('#!/bin/sh\necho Unknown encoder >&2\nexit 1\n')
  with pytest.raises(OSError, match='cannot write .*a.mp4: Unknown encoder'):
    film.write(blinking, tmp_path / 'a.gif')
  names = {path.name for path in tmp_path.iterdir()}
  assert names == {'a.gif', 'bin'}
