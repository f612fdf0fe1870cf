"""Files of sound, one channel at a time, and 8-bit mu-law."""

import math
import os
import warnings
from typing import NamedTuple

import numpy as np
import scipy.io.wavfile
import scipy.signal

WAV = ('.wav',)
# What soundfile reads beside these, where it is installed.
COMPRESSED = ('.flac', '.ogg')
EXTENSIONS = (*WAV, *COMPRESSED)
# mu-law of 8 bits: G.711's constant, with as many levels above zero as below.
_MU = 255
# mu-law of a float of zero.
SILENCE = 128


class Sound(NamedTuple):
  """One channel of sound.

  Attributes:
    values: float64 `[n]`, in -1..1.
    rate: values per second, Hz.
  """

  values: np.ndarray
  rate: int


def read(path: str | os.PathLike) -> Sound:
  """Reads a file of sound; of several channels it gives the mean.

  Args:
    path: WAV with PCM of 8, 16, 24 or 32 bits or floats; FLAC or Ogg, where
      `soundfile` is installed.

  Raises:
    ValueError: the file is damaged, empty, no sound, or of a kind whose library
      is not installed; the message names it.
  """
  is_wav = os.fspath(path).lower().endswith(WAV)
  try:
    values, rate = _wav(path) if is_wav else _compressed(path)
  except ImportError as error:
    raise ValueError(
      f'cannot read the sound {path} without soundfile: pip install soundfile'
    ) from error
  # The libraries of formats have errors of their own.
  except Exception as error:
    reason = ' '.join(str(error).split()) or type(error).__name__
    raise ValueError(f'cannot read the sound {path}: {reason}') from error
  if not len(values):
    raise ValueError(f'the sound {path} is empty: it has no samples')
  if not np.isfinite(values).all():
    raise ValueError(f'the sound {path} has values that are no numbers')
  mono = values.mean(1) if values.ndim == 2 else values
  return Sound(np.clip(mono, -1, 1), rate)


def _wav(path):
  with warnings.catch_warnings():
    # Of chunks that say nothing of the sound; of a file that ends too early
    # the warning is an error here.
    warnings.filterwarnings('ignore', 'Chunk')
    warnings.filterwarnings('error', 'Reached EOF')
    rate, values = scipy.io.wavfile.read(path)
  if values.dtype.kind == 'f':
    return values.astype(np.float64), rate
  # 8 bits are unsigned; 24 bits stand in the upper part of 32.
  zero = 128 if values.dtype == np.uint8 else 0
  largest = 2 ** (8 * values.dtype.itemsize - 1)
  return (values.astype(np.float64) - zero) / largest, rate


def _compressed(path):
  import soundfile

  return soundfile.read(path, dtype='float64')


def write(path: str | os.PathLike, values: np.ndarray, rate: int) -> None:
  """Writes a WAV file of 16 bits.

  Args:
    path: of the file.
    values: float `[n]`, in -1..1.
    rate: Hz.
  """
  levels = np.round(np.clip(values, -1, 1) * 32767).astype(np.int16)
  scipy.io.wavfile.write(path, rate, levels)


def resampled(sound: Sound, rate: int) -> Sound:
  """Returns a sound at another rate, without what that rate cannot hold.

  A polyphase filter (Kaiser window) removes what would fold back.

  Args:
    sound: of any rate.
    rate: Hz.
  """
  if sound.rate == rate:
    return sound
  common = math.gcd(sound.rate, rate)
  values = scipy.signal.resample_poly(
    sound.values, rate // common, sound.rate // common
  )
  # The filter may overshoot.
  return Sound(np.clip(values, -1, 1), rate)


def mu_law(values: np.ndarray) -> np.ndarray:
  """Returns mu-law levels, uint8 of any shape, of floats in -1..1.

      level = round(127.5 + 127.5 sign(x) log(1 + mu |x|) / log(1 + mu))

  with mu = 255; silence is level 128.

  References:
    ITU-T, Recommendation G.711, 1988; as in van den Oord et al., WaveNet, 2016,
    section 2.2 (https://arxiv.org/abs/1609.03499).
  """
  x = np.clip(np.asarray(values, np.float64), -1, 1)
  curve = np.sign(x) * np.log1p(_MU * np.abs(x)) / math.log1p(_MU)
  return np.floor(127.5 * (curve + 1) + 0.5).astype(np.uint8)


def from_mu_law(levels: np.ndarray) -> np.ndarray:
  """Returns the floats, float64 in -1..1, that mu-law levels stand for.

  x = sign(y) ((1 + mu)^|y| - 1) / mu,  y = level / 127.5 - 1
  """
  y = np.asarray(levels, np.float64) / 127.5 - 1
  # What silence is rounded to stands for silence.
  y = np.where(np.asarray(levels) == SILENCE, 0.0, y)
  return np.sign(y) * np.expm1(np.abs(y) * math.log1p(_MU)) / _MU
