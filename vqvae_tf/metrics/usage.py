"""How evenly codes are used."""

import numpy as np

from vqvae_tf import bits


def usage(counts: list[np.ndarray]) -> dict[str, float]:
  """Returns codes_in_use, perplexity and entropy_bits of counts."""
  used = sum(int(np.count_nonzero(c)) for c in counts)
  return {
    'codes_in_use': used / sum(len(c) for c in counts),
    'perplexity': float(np.mean([bits.perplexity(c) for c in counts])),
    'entropy_bits': float(np.mean([bits.entropy_bits(c) for c in counts])),
  }
