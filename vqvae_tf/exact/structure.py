"""What integers do not tell of a model, as plain data."""

import json
from collections.abc import Mapping
from typing import NamedTuple


class Structure(NamedTuple):
  """Which networks a model has.

  Attributes:
    example_shape: `[..., C]`, of an image (H, W, C).
    sizes: the sides of the decoder's grids, smallest first, as tuples.
    codebook_sizes: K of each of the M codebooks.
    num_residual_layers: of the decoder.
    likelihood: `kind`, and what else `masses` needs of it.
    causal: of the network over pixels `kind`, `num_layers` and `block_size`;
      None: pixels are independent, given the codes.
    prior: of the network over codes `kind`, `num_layers` and `num_classes`;
      None: all codes are as likely.
  """

  example_shape: tuple[int, ...]
  sizes: tuple[tuple[int, ...], ...]
  codebook_sizes: tuple[int, ...]
  num_residual_layers: int
  likelihood: Mapping
  causal: Mapping | None = None
  prior: Mapping | None = None

  @property
  def code_shape(self) -> tuple[int, ...]:
    """`[..., M]`, of an example's codes."""
    return (*self.sizes[0], len(self.codebook_sizes))

  @property
  def num_classes(self) -> int:
    """Of the labels that the codes are given; 0: they are given none."""
    return self.prior['num_classes'] if self.prior else 0

  def to_json(self) -> str:
    """Returns the structure as JSON, the same for the same structure."""
    return json.dumps(self._asdict(), sort_keys=True)


def from_json(text: str) -> Structure:
  """Returns the structure that `to_json` wrote.

  Raises:
    ValueError: if it is none.
  """
  try:
    found = Structure(**json.loads(text))
    return found._replace(
      example_shape=tuple(map(int, found.example_shape)),
      sizes=tuple(tuple(map(int, size)) for size in found.sizes),
      codebook_sizes=tuple(map(int, found.codebook_sizes)),
    )
  except (ValueError, TypeError, RecursionError) as error:
    raise ValueError(f'the structure is damaged: {error}') from error
