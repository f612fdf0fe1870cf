"""What codes cost under a prior: the label of a conditional one summed over."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

# Cells of a pass of one size: their features stay in a cache.
_CELLS_PER_PASS = 2**13
# Of a prior's pass: as much as keeps a device busy, 256 MB of float32.
_LOGITS_PER_PASS = 2**26


class CodeCost(NamedTuple):
  """What the codes of examples cost under a prior, in bits.

  Attributes:
    marginal: float64 `[B]`, -log2 p(z); a label is summed over.
    given_class: float64 `[B]`, -log2 p(z | y), or None.
  """

  marginal: np.ndarray
  given_class: np.ndarray | None = None


def examples_per_pass(num_codes: int, codebook_sizes: tuple[int, ...]) -> int:
  """Returns of how many examples the codes fit into a pass of a prior.

  Args:
    num_codes: of an example; of an image h w M.
    codebook_sizes: K of each codebook.
  """
  return max(1, _LOGITS_PER_PASS // (num_codes * max(codebook_sizes)))


def examples_per_fixed_pass(num_cells: int) -> int:
  """Returns of how many examples a pass is that always has as many.

  Args:
    num_cells: of an example; of an image h w.
  """
  return max(1, _CELLS_PER_PASS // num_cells)


def padded(
  function: Callable[[np.ndarray, np.ndarray], np.ndarray], per_pass: int
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
  """Returns a function that XLA compiles once, for fewer rows as well.

  Args:
    function: takes two arrays of `per_pass` rows to an array of as many.
    per_pass: at least the rows that it is given.
  """

  def call(codes, labels):
    whole = (
      np.concatenate([part, np.repeat(part[-1:], per_pass - len(part), 0)])
      for part in (codes, labels)
    )
    return np.asarray(function(*whole))[: len(codes)]

  return call


def code_cost(
  code_bits: Callable[[np.ndarray, np.ndarray], np.ndarray],
  num_classes: int,
  codes: np.ndarray,
  labels: np.ndarray | None,
  per_pass: int,
) -> CodeCost:
  """Returns what codes cost under a prior.

      -log2 p(z) = -log2 sum_y p(z | y) / num_classes

  Args:
    code_bits: takes codes int32 `[B, ..., M]` and labels int32 `[B]` to
      -log2 p(code | earlier codes, label), `[B, ..., M]`, or to their sums
      `[B]`.
    num_classes: that the prior can be given; 0 if it is given none.
    codes: int32 `[B, ..., M]`.
    labels: int32 `[B]`; None where they are not those of the prior.
    per_pass: examples that `code_bits` is given at once.
  """
  codes, count = np.asarray(codes), max(num_classes, 1)
  # All codes with each label, several labels to a pass.
  which = np.tile(np.arange(len(codes)), count)
  given_labels = np.repeat(np.arange(count, dtype=np.int32), len(codes))
  parts = []
  for i in range(0, len(which), per_pass):
    here = slice(i, i + per_pass)
    bits = code_bits(codes[which[here]], given_labels[here])
    parts.append(np.asarray(bits, np.float64).reshape(len(bits), -1).sum(1))
  # [num_classes, B]
  given = np.concatenate(parts).reshape([count, len(codes)])
  marginal = np.log2(count) - np.logaddexp2.reduce(-given, 0)
  if not num_classes or labels is None:
    return CodeCost(marginal)
  return CodeCost(marginal, given[np.asarray(labels), np.arange(len(codes))])
