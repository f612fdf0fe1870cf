"""Linear layers over activations: see `grid`."""

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np

from vqvae_tf.exact.grid import LIMIT, is_exact, passes, settle


class Affine:
  """W x + b, of integers.

  Args:
    arrays: by name; of this layer `name/w`, int32, units of 2^-s; `name/b`,
      int64 `[channels]`, units of 2^-(14 + s); and `name/s`.
    name: of the layer.
    output_axis: of w, that of the channels.

  Attributes:
    w: float64, in units of 1: multiples of 2^-s, at which products are exact.

  Raises:
    ValueError: if arrays are missing or do not fit each other, or sums of
      products are not provably exact.
  """

  def __init__(
    self, arrays: Mapping[str, np.ndarray], name: str, output_axis: int = -1
  ):
    try:
      w, b, s = (arrays[f'{name}/{part}'] for part in 'wbs')
    except KeyError as error:
      raise ValueError(f'{error.args[0]} is missing') from error
    if w.ndim < 2 or b.shape != (w.shape[output_axis],) or s.size != 1:
      raise ValueError(f'{name} has parts of shapes {w.shape} and {b.shape}')
    if not is_exact(w, b, output_axis):
      raise ValueError(f'sums of {name} are not provably exact')
    self.name = name
    unit = 2.0 ** -int(s)
    self.w = w * unit
    self._b = b * unit

  @property
  def channels(self) -> int:
    """Of the outputs."""
    return len(self._b)

  def __call__(self, inputs: np.ndarray) -> np.ndarray:
    """Takes activations `[..., C]`, all of a kernel's, to `[..., channels]`."""
    outputs = np.empty([*inputs.shape[:-1], self.channels])
    self.into(outputs, inputs)
    return outputs

  def into(self, outputs: np.ndarray, inputs: np.ndarray) -> None:
    """Does that into an array that is there."""
    w = self.w.reshape(-1, self.channels)
    sums = outputs.reshape(-1, self.channels)
    np.dot(inputs.reshape(-1, len(w)), w, out=sums)
    self.settled(sums)

  def settled(self, sums: np.ndarray) -> np.ndarray:
    """Adds the biases to sums of products, and settles them, in place."""
    sums += self._b
    return settle(sums)


def convolve(
  layer: Affine, inputs: np.ndarray, padding: Sequence[tuple[int, int]]
) -> np.ndarray:
  """Returns a convolution of stride 1 over any number of sides.

  Args:
    layer: w `[*kernel, C, channels]`.
    inputs: activations `[B, ..., C]`.
    padding: zeros before and behind each side.

  Returns:
    Activations `[B, ..., channels]`.
  """
  *kernel, size, channels = layer.w.shape
  inputs = np.pad(inputs, [(0, 0), *padding, (0, 0)])
  sides = [
    side - k + 1 for side, k in zip(inputs.shape[1:-1], kernel, strict=True)
  ]
  outputs = np.empty([len(inputs), *sides, channels])
  everywhere = [slice(None)] * (1 + len(sides))
  for few in passes(len(inputs), math.prod([*sides, *kernel, size])):
    part = inputs[few]
    seen = np.empty([len(part), *sides, *kernel, size])
    for offset in itertools.product(*map(range, kernel)):
      seen[(*everywhere, *offset)] = _window(part, offset, sides)
    layer.into(outputs[few], seen)
  return outputs


class Doubling(Affine):
  """A transposed convolution of stride 2 and side 4.

  Output 2 i - 1 + a sees input i through the kernel's place a, of each side:
  an even one through 1 and 3, an odd one through 0 and 2. So the outputs are
  those of 2^sides convolutions of side 2, beside each other.

  Args:
    arrays: by name; w is `[4, .., channels, C]`.
    name: of the layer.
  """

  # By whether an output is odd: places, and the inputs that they see.
  _SEEN = (((1, 0), (3, -1)), ((0, 1), (2, 0)))

  def __init__(self, arrays: Mapping[str, np.ndarray], name: str):
    super().__init__(arrays, name, output_axis=-2)
    self._parts = []
    for odd in itertools.product(range(2), repeat=self.w.ndim - 2):
      seen = list(itertools.product(*(self._SEEN[k] for k in odd)))
      places = [tuple(place for place, _ in one) for one in seen]
      w = np.concatenate([self.w[place].T for place in places])
      firsts = [tuple(1 + first for _, first in one) for one in seen]
      self._parts.append((odd, firsts, w))

  def double(self, inputs: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Takes activations `[B, ..., C]` to `[B, *size, channels]`.

    Args:
      inputs: of sides n.
      size: of each side, 2 n or 2 n + 1.
    """
    outputs = np.empty([len(inputs), *size, self.channels])
    inputs = np.pad(inputs, [(0, 0), *[(1, 1)] * len(size), (0, 0)])
    for few in passes(len(inputs), math.prod(size) * inputs.shape[-1]):
      for odd, firsts, w in self._parts:
        sides = [(side - k + 1) // 2 for side, k in zip(size, odd, strict=True)]
        seen = np.concatenate(
          [_window(inputs[few], first, sides) for first in firsts], -1
        )
        sums = self.settled(np.dot(seen.reshape(-1, len(w)), w))
        places = (few, *(slice(k, None, 2) for k in odd))
        outputs[places] = sums.reshape(*seen.shape[:-1], -1)
    return outputs


def _window(inputs, firsts, sides):
  """Returns a part of each example, [B, *sides, C]."""
  parts = (
    slice(first, first + side)
    for first, side in zip(firsts, sides, strict=True)
  )
  return inputs[(slice(None), *parts)]


def table(
  arrays: Mapping[str, np.ndarray], name: str, shape: tuple[int | None, ...]
) -> np.ndarray:
  """Returns a table of activations, float64.

  Args:
    arrays: by name.
    name: of the table.
    shape: that it must have; None: any size.

  Raises:
    ValueError: if it is missing, or of another shape, or out of range.
  """
  found = arrays.get(name)
  if found is None:
    raise ValueError(f'{name} is missing')
  if found.ndim != len(shape) or any(
    size not in (None, own)
    for size, own in zip(shape, found.shape, strict=True)
  ):
    raise ValueError(f'{name} is of shape {found.shape}, not {shape}')
  found = found.astype(np.float64)
  if not (np.abs(found) <= LIMIT).all():
    raise ValueError(f'{name} has numbers out of range')
  return found
