"""What this machine's processor can do, and what TensorFlow should know of it.

Imports no TensorFlow: it reads the variables when it is loaded.
"""

import os
import platform
from pathlib import Path

_ONEDNN = 'TF_ENABLE_ONEDNN_OPTS'
# Those that decide how fast a convolution is, best first.
_KNOWN = ('amx_tile', 'avx512f', 'avx2', 'avx')


def flags(path: str = '/proc/cpuinfo') -> frozenset[str]:
  """Returns what the processor can do, in Linux's words; elsewhere nothing."""
  try:
    lines = Path(path).read_text(errors='replace').splitlines()
  except OSError:
    return frozenset()
  words = (line.partition(':') for line in lines)
  found = (value.split() for name, _, value in words if name.strip() == 'flags')
  return frozenset(next(found, ()))


def use_onednn() -> bool:
  """Has TensorFlow compute with oneDNN wherever that pays.

  TensorFlow leaves oneDNN off by default on processors without AVX-512, where
  it is faster as well: a training step of convolutions takes two thirds of the
  time with AVX2 (`benchmarks/train_step.py`). What the environment variable
  TF_ENABLE_ONEDNN_OPTS says already stays. To be called before TensorFlow is
  imported; the commands do so.

  Returns:
    Whether oneDNN was asked for here.
  """
  if _ONEDNN in os.environ or 'avx2' not in flags():
    return False
  os.environ[_ONEDNN] = '1'
  return True


def has_onednn() -> bool:
  """Returns whether TensorFlow computes with oneDNN, told so or by itself."""
  return os.environ.get(_ONEDNN, str(int('avx512f' in flags()))) == '1'


def described() -> str:
  """Returns the processor in one line: cores, what it can do, oneDNN."""
  known = [name for name in _KNOWN if name in flags()]
  instructions = ', '.join(known) or platform.machine()
  count = getattr(os, 'sched_getaffinity', lambda _: range(os.cpu_count()))
  cores = len(count(0))
  return f'{cores} cores with {instructions}'
