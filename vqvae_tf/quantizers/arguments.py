"""Checks of what a quantizer is made with: a mistake is named at once."""

import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

_MOST = 2**31 - 1


def whole(name: str, value: object, low: int = 1, high: int = _MOST) -> int:
  """Returns a whole number from low to high; NumPy's are fine.

  Raises:
    TypeError: if it is none: 8.0, '8' and True are not.
    ValueError: if it is out of range.
  """
  if isinstance(value, bool) or not isinstance(value, numbers.Integral):
    raise TypeError(f'{name} must be a whole number, not {value!r}.')
  number = int(value)
  if number < low:
    raise ValueError(f'{name} must be at least {low}, not {number}.')
  if number > high:
    raise ValueError(f'{name} must be at most {high}, not {number}.')
  return number


def seed(value: object) -> int:
  """Returns a seed: any integer of 64 bits."""
  return whole('seed', value, -(2**63), 2**63 - 1)


def several(name: str, values: Iterable) -> list:
  """Returns what an argument of several parts has.

  Raises:
    TypeError: if it is one thing, not several.
  """
  if isinstance(values, str) or not isinstance(values, Iterable):
    raise TypeError(f'{name} must be a list, not {values!r}.')
  return list(values)


def real(
  name: str,
  value: Any,
  high: float = math.inf,
  open_high: bool = False,
) -> Any:
  """Returns a finite number from 0 to high as it is given.

  A tensor of a graph, whose value nobody knows yet, is taken at its word.

  Raises:
    TypeError: if it is no number: '0.25' and True are not.
    ValueError: if it is out of range.
  """
  is_number = hasattr(value, '__float__')
  if tf.is_tensor(value) and not is_number:
    return value
  if not is_number or isinstance(value, (bool, np.bool_)):
    raise TypeError(f'{name} must be a number, not {value!r}.')
  number = float(value)
  below = number < high if open_high or high == math.inf else number <= high
  # Written so that NaN fails.
  if not (number >= 0 and below):
    closed = ')' if open_high or high == math.inf else ']'
    raise ValueError(f'{name} must be in [0, {high:g}{closed}, not {number:g}.')
  return value
