"""What quantizers made of quantizers have in common."""

from collections.abc import Sequence

import tensorflow as tf

from vqvae_tf.codes import checked_codes
from vqvae_tf.quantizers import quantizer


class Composite(quantizer.Quantizer):
  """Several quantizers, whose codes stand side by side."""

  def __init__(self, quantizers: Sequence[quantizer.Quantizer], name: str):
    super().__init__(name=name)
    if not quantizers:
      raise ValueError(f'{name} needs at least one quantizer.')
    self.quantizers = list(quantizers)

  @property
  def codebook_sizes(self) -> tuple[int, ...]:
    return sum((part.codebook_sizes for part in self.quantizers), ())

  @property
  def codebooks(self) -> list[tf.Variable]:
    return sum((part.codebooks for part in self.quantizers), [])

  @property
  def learns_from_vectors(self) -> bool:
    return any(part.learns_from_vectors for part in self.quantizers)

  def _decode_each(self, codes):
    """Returns the vectors that each quantizer makes of its codes [..., M].

    They have the widest of their dtypes: beside a codebook of float64 the grid
    of a quantizer without a codebook is of float32.
    """
    codes = checked_codes(codes, self.codebook_sizes)
    counts = [len(part.codebook_sizes) for part in self.quantizers]
    vectors = [
      part.decode(own)
      for part, own in zip(
        self.quantizers, tf.split(codes, counts, -1), strict=True
      )
    ]
    widest = max((each.dtype for each in vectors), key=lambda dtype: dtype.size)
    return [tf.cast(each, widest) for each in vectors]
