"""Files of sound, resampling and mu-law."""

import builtins
import struct

import numpy as np
import pytest
import scipy.io.wavfile

from vqvae_tf.media import audio

RATE = 8_000
TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(800) / RATE)


def _written(path, dtype):
  scale = {'uint8': 127, 'int16': 32767, 'int32': 2**31 - 1}.get(dtype, 1)
  zero = 128 if dtype == 'uint8' else 0
  values = TONE * scale + zero
  values = values if dtype.startswith('float') else np.round(values)
  scipy.io.wavfile.write(path, RATE, values.astype(dtype))
  return path


@pytest.mark.parametrize(
  'dtype, error',
  [('uint8', 1 / 127), ('int16', 1e-4), ('int32', 1e-7), ('float32', 1e-7)],
)
def test_wav_of_each_width(dtype, error, tmp_path):
  sound = audio.read(_written(tmp_path / 'x.wav', dtype))
  assert sound.rate == RATE
  np.testing.assert_allclose(sound.values, TONE, atol=error)


def test_wav_of_24_bits(tmp_path):
  levels = np.round(TONE * (2**23 - 1)).astype(np.int32)
  body = b''.join(struct.pack('<i', v)[:3] for v in levels)
  head = struct.pack('<4sIHHIIHH', b'fmt ', 16, 1, 1, RATE, 3 * RATE, 3, 24)
  data = struct.pack('<4sI', b'data', len(body)) + body
  riff = struct.pack('<4sI4s', b'RIFF', 4 + len(head) + len(data), b'WAVE')
  (tmp_path / 'x.wav').write_bytes(riff + head + data)
  sound = audio.read(tmp_path / 'x.wav')
  np.testing.assert_allclose(sound.values, TONE, atol=1e-6)


def test_channels_are_averaged(tmp_path):
  pair = np.stack([TONE, np.zeros_like(TONE)], 1).astype(np.float32)
  scipy.io.wavfile.write(tmp_path / 'x.wav', RATE, pair)
  sound = audio.read(tmp_path / 'x.wav')
  np.testing.assert_allclose(sound.values, TONE / 2, atol=1e-7)


def test_written_and_read(tmp_path):
  audio.write(tmp_path / 'x.wav', TONE, RATE)
  sound = audio.read(tmp_path / 'x.wav')
  np.testing.assert_allclose(sound.values, TONE, atol=1e-4)


@pytest.mark.parametrize(
  'content, message',
  [
    (b'', 'cannot read the sound .*x.wav: '),
    (b'RIFF nothing', 'cannot read the sound .*x.wav: '),
    ('cut', 'cannot read the sound .*x.wav: .*'),
    ('empty', r'x.wav is empty: it has no samples'),
    ('nan', 'x.wav has values that are no numbers'),
  ],
)
def test_what_is_no_sound_is_named(content, message, tmp_path):
  path = tmp_path / 'x.wav'
  if content == 'cut':
    _written(path, 'int16')
    path.write_bytes(path.read_bytes()[:500])
  elif content == 'empty':
    scipy.io.wavfile.write(path, RATE, np.zeros(0, np.int16))
  elif content == 'nan':
    scipy.io.wavfile.write(path, RATE, np.full(9, np.nan, np.float32))
  else:
    path.write_bytes(content)
  with pytest.raises(ValueError, match=message):
    audio.read(path)


def test_other_formats_need_a_library(tmp_path, monkeypatch):
  imported = builtins.__import__

  def without(name, *args, **kwargs):
    if name == 'soundfile':
      raise ImportError(name)
    return imported(name, *args, **kwargs)

  monkeypatch.setattr(builtins, '__import__', without)
  (tmp_path / 'x.flac').touch()
  with pytest.raises(ValueError, match='without soundfile: pip install sound'):
    audio.read(tmp_path / 'x.flac')


def test_resampled_keeps_what_it_can_and_nothing_else():
  """A tone below half the new rate stays; one above does not fold back."""
  time = np.arange(16_000) / 16_000
  low, high = (np.sin(2 * np.pi * hz * time) for hz in (500, 7_000))
  kept = audio.resampled(audio.Sound(0.5 * low, 16_000), RATE)
  assert kept.rate == RATE and len(kept.values) == 8_000
  expected = 0.5 * np.sin(2 * np.pi * 500 * np.arange(8_000) / RATE)
  np.testing.assert_allclose(kept.values[50:-50], expected[50:-50], atol=5e-3)
  lost = audio.resampled(audio.Sound(0.5 * high, 16_000), RATE)
  # At least 40 dB below.
  assert np.abs(lost.values[50:-50]).max() < 0.005
  assert audio.resampled(kept, RATE) is kept


def test_mu_law_by_hand():
  """Silence is 128; the ends are the ends; 0.5 is 127.5 (1 + 0.8757) + 0.5."""
  levels = audio.mu_law(np.array([-1.0, 0.0, 1.0, 0.5, -0.5, 2.0]))
  np.testing.assert_array_equal(levels, [0, 128, 255, 239, 16, 255])
  assert levels.dtype == np.uint8
  assert audio.from_mu_law(np.uint8(audio.SILENCE)) == 0


def test_each_level_stands_for_itself():
  levels = np.arange(256, dtype=np.uint8)
  np.testing.assert_array_equal(audio.mu_law(audio.from_mu_law(levels)), levels)
  assert (np.diff(audio.from_mu_law(levels)) > 0).all()
