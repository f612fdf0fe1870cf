"""What quantizers made of quantizers have in common."""

from collections.abc import Sequence

import tensorflow as tf

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

  def _decode_each(self, codes):
    """Returns the vectors that each quantizer makes of its codes [..., M]."""
    codes = quantizer.checked_codes(codes, self.codebook_sizes)
    counts = [len(part.codebook_sizes) for part in self.quantizers]
    return [
      part.decode(own)
      for part, own in zip(
        self.quantizers, tf.split(codes, counts, -1), strict=True
      )
    ]
