"""Names of the data sets and of their splits; needs no TensorFlow."""

import difflib

NAMES = (
  'digits',
  'mnist',
  'mnist_binarized',
  'fashion_mnist',
  'cifar10',
  'image_folder',
  # Those that a program gives: see `vqvae_tf.train`.
  'arrays',
)

SPLITS = ('train', 'validation', 'test')


def check(name: str, split: str) -> None:
  """Raises a ValueError, with the nearest name, for an unknown one."""
  _check('data set', name, NAMES)
  _check('split', split, SPLITS)


def _check(kind, value, known):
  if value in known:
    return
  near = difflib.get_close_matches(str(value), known, n=1, cutoff=0.4)
  hint = f'did you mean {near[0]!r}? ' if near else ''
  raise ValueError(f'unknown {kind} {value!r}; {hint}known: {", ".join(known)}')
