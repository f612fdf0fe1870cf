"""Data sets by name: uint8 images and integer labels.

`NAMES` and `SPLITS` are there at once; `open_source`, `load` and `Source` load
TensorFlow when first used, so that the commands answer `--help` without it.
"""

import importlib
from typing import TYPE_CHECKING

from vqvae_tf.datasets.names import NAMES, SPLITS

if TYPE_CHECKING:
  from vqvae_tf.datasets.catalog import load, open_source
  from vqvae_tf.datasets.pipeline import in_order, shuffled
  from vqvae_tf.datasets.source import Source
else:
  # To whoever checks types it would say that there is any name.
  def __getattr__(name):
    if name not in _HOME:
      raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(f'{__name__}.{_HOME[name]}'), name)


__all__ = [
  'NAMES',
  'SPLITS',
  'Source',
  'in_order',
  'load',
  'open_source',
  'shuffled',
]

_HOME = {
  'Source': 'source',
  'in_order': 'pipeline',
  'load': 'catalog',
  'open_source': 'catalog',
  'shuffled': 'pipeline',
}
