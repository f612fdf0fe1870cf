"""What every causal network in integers offers: see `nets.CausalNetwork`.

A call judges whole grids that are known, and a walk learns of them cell by
cell. Both give the same integers, so that who writes a file may see everything
at once, and who reads it need not.
"""

import abc
from collections.abc import Mapping, Sequence

import numpy as np

from vqvae_tf.exact import tables
from vqvae_tf.exact.grid import ONE, clipped, relu
from vqvae_tf.exact.layers import Affine


class CausalNetwork(abc.ABC):
  """Takes what a grid holds to the parameters of its slots.

  Args:
    arrays: integers by name.
    name: of the network, with which its layers' names begin.
    num_slots: S, the slots of a cell.
  """

  def __init__(
    self, arrays: Mapping[str, np.ndarray], name: str, num_slots: int
  ):
    self.num_slots = num_slots
    self._slots = [
      _Slot(arrays, f'{name}/slot_{s}', is_first=not s)
      for s in range(num_slots)
    ]

  @property
  def num_outputs(self) -> int:
    """P, the parameters of a slot."""
    return self._slots[0].channels

  @abc.abstractmethod
  def see(self, cells: np.ndarray, context: np.ndarray) -> list[np.ndarray]:
    """Returns what each cell of whole grids sees of the cells before it.

    Args:
      cells: activations `[B, ..., S F]`.
      context: activations `[B, ..., E]`.

    Returns:
      Activations `[B, ..., C]` and what else a slot is given, of each cell.
    """

  @abc.abstractmethod
  def walk(self, context: np.ndarray, cell_size: int) -> 'Walk':
    """Returns a walk over the cells of grids.

    Args:
      context: activations `[B, ..., E]`.
      cell_size: S F.
    """

  def parameters(
    self, seen: Sequence[np.ndarray], earlier: np.ndarray, slot: int
  ) -> np.ndarray:
    """Returns the parameters of a slot.

    Args:
      seen: activations `[N, ...]`, what cells see, as `see` or a step has it.
      earlier: activations `[N, s F]`, the earlier slots of the cells.
      slot: s.

    Returns:
      Activations `[N, P]`.
    """
    return self._slots[slot](seen[0], earlier)


class Walk(abc.ABC):
  """Grids of a batch that become known cell by cell, in raster order."""

  @abc.abstractmethod
  def step(self, cell: np.ndarray) -> list[np.ndarray]:
    """Goes on to the next cell.

    Args:
      cell: activations `[B, S F]`, what the cell before holds; zeros at first.

    Returns:
      What the cell sees: see `CausalNetwork.see`.
    """


class _Slot:
  """Dense layers of a slot."""

  def __init__(self, arrays, name, is_first):
    self._cell, self._hidden, self._residual, self._out = (
      Affine(arrays, f'{name}/{part}')
      for part in ('cell', 'hidden', 'residual', 'out')
    )
    self._told = (
      None
      if is_first
      else [Affine(arrays, f'{name}/{part}') for part in ('earlier', 'linear')]
    )

  @property
  def channels(self):
    return self._out.channels

  def __call__(self, features, earlier):
    outputs = self._cell(relu(features))
    if self._told:
      outputs = clipped(outputs + self._told[0](earlier))
    hidden = self._hidden(relu(outputs))
    outputs = clipped(outputs + self._residual(relu(hidden)))
    outputs = self._out(relu(outputs))
    if self._told:
      outputs = clipped(outputs + self._told[1](earlier))
    return outputs


def gated(inputs: np.ndarray) -> np.ndarray:
  """Returns tanh(a) sigmoid(b) of [a, b]."""
  values, gates = np.split(inputs, 2, -1)
  passed = _looked_up(tables.tanh(), values)
  passed *= _looked_up(tables.sigmoid(), gates)
  passed *= 1 / ONE
  return np.rint(passed, out=passed)


def _looked_up(table, values):
  """Returns a function of activations, of which a table has every 16th."""
  middle = len(table) // 2
  places = values + (ONE / tables.POINTS * (middle + 0.5))
  places *= tables.POINTS / ONE
  # What lies before the first point would be cut off towards it.
  np.maximum(places, 0, out=places)
  return table.take(places.astype(np.intp), mode='clip')
