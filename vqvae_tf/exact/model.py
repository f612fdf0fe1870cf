"""A model in integers: what files are written and read with."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vqvae_tf import files
from vqvae_tf.exact import structure as structures
from vqvae_tf.exact.codes import Codes
from vqvae_tf.exact.pixels import Pixels
from vqvae_tf.exact.structure import Structure

# Of the arithmetic: what changes any integer changes this number.
_ARITHMETIC = 1
# The name of the array that holds the structure, as text.
_STRUCTURE = 'structure'


class ExactModel:
  """p(label), p(codes | label) and p(example | codes), in integers.

  Args:
    structure: of the model.
    arrays: integers by name, as `vqvae_tf.serving.integers` makes them.

  Attributes:
    structure: as it was given.
    codes, pixels: the two parts.
    fingerprint: 8 bytes, of all that the integers depend on.

  Raises:
    ValueError: if they do not fit each other.
  """

  def __init__(self, structure: Structure, arrays: Mapping[str, np.ndarray]):
    self.structure = structure
    self.codes = Codes(structure, arrays)
    self.pixels = Pixels(structure, arrays)
    self.fingerprint = _fingerprint(structure, arrays)


def _fingerprint(structure, arrays):
  found = hashlib.sha256(f'{_ARITHMETIC} {structure.to_json()}'.encode())
  for name in sorted(arrays):
    # The same bytes on machines of any order of bytes.
    array = np.ascontiguousarray(arrays[name], '<i8')
    found.update(f' {name} {array.shape} '.encode())
    found.update(array)
  return found.digest()[:8]


def write(
  path: Path, structure: Structure, arrays: Mapping[str, np.ndarray]
) -> None:
  """Writes the integers of a model, about 3 bytes for each weight."""
  text = np.frombuffer(structure.to_json().encode(), np.uint8)
  files.write_arrays(path, {_STRUCTURE: text, **arrays}, compressed=True)


def read(path: Path) -> ExactModel:
  """Returns the model that `write` wrote.

  Raises:
    OSError: if the file cannot be read.
    ValueError: if it is damaged.
  """
  arrays = files.read_arrays(path)
  if _STRUCTURE not in arrays:
    raise ValueError(f'{_STRUCTURE} is missing')
  text = arrays.pop(_STRUCTURE).tobytes().decode()
  for name, array in arrays.items():
    if array.dtype.kind != 'i':
      raise ValueError(f'{name} has numbers of type {array.dtype}')
  return ExactModel(structures.from_json(text), arrays)
