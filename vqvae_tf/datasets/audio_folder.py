"""Folders of sound, and the spoken digits: files to recordings."""

import os
import pathlib
import re
from collections.abc import Iterable

import numpy as np

from vqvae_tf.datasets import splits
from vqvae_tf.datasets.names import DIGITS_RATE
from vqvae_tf.datasets.recordings import Recording, Recordings
from vqvae_tf.datasets.source import identity_of_files
from vqvae_tf.errors import UserError
from vqvae_tf.media import audio

DIGITS = tuple(map(str, range(10)))
# As the set says: the first of 50 recordings of each digit and speaker.
_NUM_TEST = 5
_DIGIT_FILE = re.compile(r'(\d)_([a-z]+)_(\d+)\.wav')


def open_folder(
  split: str, folder: pathlib.Path, sample_rate: int, length: int
) -> Recordings:
  """Opens a split of a folder of sound files.

  Folders in it are classes; files beside each other in the folder itself have
  none. A tenth of the files is for validation and a tenth for test, as
  `splits.by_name` says.

  Args:
    split: 'train', 'validation' or 'test'.
    folder: of WAV files (FLAC and Ogg where soundfile is installed), or of
      folders of these.
    sample_rate: Hz, to which all are resampled.
    length: samples of an example.

  Raises:
    UserError: the folder is missing or has no sound for the split, or a file is
      damaged, empty or silent; the message names it.
  """
  if not folder.is_dir():
    raise UserError(f'audio_folder: no such folder: {folder}')
  names = sorted(_names(folder))
  classes = tuple(sorted({n.split('/')[0] for n in names if '/' in n}))
  if classes and any('/' not in name for name in names):
    raise UserError(
      f'audio_folder: {folder} has both class folders and files beside them: '
      'move the files into folders, or the folders away'
    )
  labels = [classes.index(n.split('/')[0]) if classes else 0 for n in names]
  chosen = [i for i, name in enumerate(names) if splits.by_name(name) == split]
  if not chosen:
    raise UserError(
      f'audio_folder: none of the {len(names)} sounds of {folder} falls to the '
      f'{split} split (by a hash of their names); extensions read: '
      f'{" ".join(audio.EXTENSIONS)}'
    )
  return _recordings(
    'audio_folder',
    split,
    [(folder / names[i], labels[i]) for i in chosen],
    sample_rate,
    length,
    classes,
    identity_of_files('all', map(os.fsencode, names), labels),
  )


def open_spoken_digits(
  split: str, folder: pathlib.Path, sample_rate: int, length: int
) -> Recordings:
  """Opens a split of the Free Spoken Digit Dataset, labelled by digit.

  Recordings 0 to 4 of each digit and speaker are the test split, as the set has
  it, 45 to 49 the validation split.

  Args:
    split: 'train', 'validation' or 'test'.
    folder: of the files {digit}_{speaker}_{index}.wav, or the one above it,
      with recordings/ in it.
    sample_rate: Hz, to which all are resampled; they have 8,000.
    length: samples of an example.

  Raises:
    UserError: the folder is missing or has no recordings, a file has another
      name, or is damaged, empty or silent; the message names it.
  """
  folder = _digits_folder(folder)
  names = sorted(name for name in _names(folder) if name.endswith(audio.WAV))
  parsed = [_parsed(folder, name) for name in names]
  last = max((index for _, _, index in parsed), default=0) - _NUM_TEST
  own = {
    'test': lambda index: index < _NUM_TEST,
    'validation': lambda index: index > last,
    'train': lambda index: _NUM_TEST <= index <= last,
  }[split]
  digits = [digit for digit, _, _ in parsed]
  files = [
    (folder / name, digit)
    for name, (digit, _, index) in zip(names, parsed, strict=True)
    if own(index)
  ]
  if not files:
    raise UserError(
      f'spoken_digits: {folder} has no recordings DIGIT_SPEAKER_INDEX.wav for '
      f'the {split} split: give the folder of the Free Spoken Digit Dataset'
    )
  return _recordings(
    'spoken_digits',
    split,
    files,
    sample_rate or DIGITS_RATE,
    length,
    DIGITS,
    identity_of_files('all', map(os.fsencode, names), digits),
  )


def _recordings(name, split, files, rate, length, classes, identity):
  if rate < 1 or length < 1:
    raise ValueError(
      f'{name} needs the rate and the length of its sounds (--sample_rate, '
      f'--length), got {rate} and {length}'
    )
  found = [Recording(_levels(name, path, rate), label) for path, label in files]
  return Recordings(name, split, found, length, classes, identity)


def _levels(name, path, rate):
  try:
    sound = audio.read(path)
  except ValueError as error:
    raise UserError(f'{name}: {error}; remove the file') from error
  if not np.any(sound.values):
    raise UserError(f'{name}: the sound {path} is silent: remove the file')
  return audio.mu_law(audio.resampled(sound, rate).values)


def _digits_folder(folder):
  inside = folder / 'recordings'
  folder = inside if inside.is_dir() else folder
  if not folder.is_dir():
    raise UserError(f'spoken_digits: no such folder: {folder}')
  return folder


def _parsed(folder, name):
  match = _DIGIT_FILE.fullmatch(name)
  if not match:
    raise UserError(
      f'spoken_digits: {folder / name} is not called DIGIT_SPEAKER_INDEX.wav: '
      'rename or remove it, or use --dataset=audio_folder'
    )
  digit, speaker, index = match.groups()
  return int(digit), speaker, int(index)


def _names(folder: pathlib.Path) -> Iterable[str]:
  """Yields the sounds of a folder and of the folders in it, relative to it."""
  for path in folder.rglob('*'):
    relative = path.relative_to(folder)
    is_hidden = any(part.startswith('.') for part in relative.parts)
    if path.suffix.lower() in audio.EXTENSIONS and not is_hidden:
      if path.is_file():
        yield relative.as_posix()
