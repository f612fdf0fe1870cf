"""Names of the data sets and of their splits; needs no TensorFlow."""

import difflib
from collections.abc import Iterable

NAMES = (
  'digits',
  'mnist',
  'mnist_binarized',
  'fashion_mnist',
  'cifar10',
  'image_folder',
  'audio_folder',
  'spoken_digits',
)

# Those of sounds.
SOUNDS = ('audio_folder', 'spoken_digits')
# Samples per second of the spoken digits, in Hz.
DIGITS_RATE = 8_000

# What is called so a program gives: see `vqvae_tf.train`.
ARRAYS = 'arrays'

# What stands for the name of any set of images of tensorflow-datasets.
TFDS = 'tfds:NAME[/CONFIG]'

SPLITS = ('train', 'validation', 'test')


def check(name: str, split: str) -> None:
  """Raises a ValueError, with the nearest name, for an unknown one."""
  if name == ARRAYS:
    raise ValueError(
      "'arrays' is what a program gave to vqvae_tf.train, which no command "
      'opens: measure it by vqvae_tf.load(WORKDIR).nll(images), or name a data '
      'set'
    )
  if not tfds_name(name):
    _check('data set', name, (*NAMES, TFDS))
  _check('split', split, SPLITS)


def tfds_name(name: str) -> str:
  """Returns NAME[/CONFIG] of 'tfds:NAME[/CONFIG]', '' of another name."""
  return name.removeprefix('tfds:') if name.startswith('tfds:') else ''


def parts(text: str) -> dict[str, str]:
  """Returns what stands for each split, of 'train=X,validation=Y,test=Z'.

  Args:
    text: a part of tensorflow-datasets for each of `SPLITS`, in any order, as
      'train=train[:90%],validation=train[90%:],test=test'.

  Raises:
    ValueError: if a split is missing, or there is another.
  """
  pairs = [part.partition('=') for part in text.split(',')]
  found = {name: part for name, _, part in pairs if part}
  if len(pairs) != len(SPLITS) or set(found) != set(SPLITS):
    raise ValueError(
      f'--split={text} must give a part for each of train, validation and '
      'test, as train=train[:90%],validation=train[90%:],test=test'
    )
  return found


def nearest(value: str, known: Iterable[str]) -> str:
  """Returns 'did you mean ...?' for a mistyped name, '' if none is near."""
  near = difflib.get_close_matches(value, list(known), n=1, cutoff=0.4)
  return f'did you mean {near[0]!r}?' if near else ''


def _check(kind, value, known):
  if value in known:
    return
  hint = nearest(value, known)
  hint = f'{hint} ' if hint else ''
  raise ValueError(f'unknown {kind} {value!r}; {hint}known: {", ".join(known)}')
