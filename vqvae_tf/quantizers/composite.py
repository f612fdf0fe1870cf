"""What quantizers made of quantizers have in common."""

from collections.abc import Sequence

import tensorflow as tf

from vqvae_tf.codes import checked_codes
from vqvae_tf.quantizers import arguments, quantizer


class Composite(quantizer.Quantizer):
  """Several quantizers, whose codes stand side by side."""

  def __init__(self, quantizers: Sequence[quantizer.Quantizer], name: str):
    super().__init__(name=name)
    self.quantizers = arguments.several('quantizers', quantizers)
    if not self.quantizers:
      raise ValueError(f'{name} needs at least one quantizer.')
    for part in self.quantizers:
      if not isinstance(part, quantizer.Quantizer):
        raise TypeError(f'quantizers must be Quantizers, not {part!r}.')

  @property
  def codebook_sizes(self) -> tuple[int, ...]:
    return sum((part.codebook_sizes for part in self.quantizers), ())

  @property
  def codebooks(self) -> list[tf.Variable]:
    return sum((part.codebooks for part in self.quantizers), [])

  @property
  def learns_from_vectors(self) -> bool:
    return any(part.learns_from_vectors for part in self.quantizers)

  def _decode_each(self, codes, parts):
    """Returns the vectors that some quantizers make of their codes [..., M].

    They have the widest of their dtypes: beside a codebook of float64 the grid
    of a quantizer without a codebook is of float32.
    """
    sizes = [part.codebook_sizes for part in parts]
    codes = checked_codes(codes, sum(sizes, ()))
    split = tf.split(codes, [*map(len, sizes)], -1)
    vectors = [part.decode(own) for part, own in zip(parts, split, strict=True)]
    widest = max((each.dtype for each in vectors), key=lambda dtype: dtype.size)
    return [tf.cast(each, widest) for each in vectors]
