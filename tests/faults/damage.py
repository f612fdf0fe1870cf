"""Damage of files, and what becomes of who reads them."""

import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vqvae_tf.errors import UserError

OUTCOMES = ('tried', 'refused', 'unharmed', 'silent', 'traceback', 'hang')
_SECONDS = 20


class Kind(NamedTuple):
  """A kind of file.

  Attributes:
    path: of an example, which is damaged and mended again.
    observe: reads it as the library does; returns what can be compared.
    cost: of a reading, 1 for a thousandth of a second.
    is_fine: whether what was read in place of another is as good.
  """

  path: Path
  observe: Callable[[], Any]
  cost: float = 1.0
  is_fine: Callable[[Any, Any], bool] = lambda found, whole: False


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
  """Returns bytes with one accident: a flipped bit in two of three cases."""
  where = int(rng.integers(len(content)))
  length = int(rng.integers(1, 65))
  before, after = content[:where], content[where:]
  accident = rng.integers(12)
  if accident < 8:
    bit = 1 << int(rng.integers(8))
    return before + bytes([after[0] ^ bit]) + after[1:]
  if accident == 8:
    return before
  if accident == 9:
    return before + bytes(min(length, len(after))) + after[length:]
  if accident == 10:
    return before + after[length:]
  return before + rng.bytes(length) + after


def tried(kind: Kind, count: int, seed: int) -> Counter:
  """Damages a file `count` times; returns how often there was what outcome."""
  rng = np.random.default_rng(seed)
  whole, content = kind.observe(), kind.path.read_bytes()
  outcomes = Counter()
  try:
    while outcomes['tried'] < count:
      changed = damaged(content, rng)
      if changed == content:
        continue
      kind.path.write_bytes(changed)
      outcomes['tried'] += 1
      outcomes[outcome(kind, whole)] += 1
  finally:
    kind.path.write_bytes(content)
  return outcomes


def outcome(kind: Kind, whole: Any) -> str:
  """Reads a file that may be damaged; returns what came of it."""
  previous = signal.signal(signal.SIGALRM, _time_is_up)
  signal.alarm(_SECONDS)
  try:
    found = kind.observe()
  except (UserError, OSError) as error:
    return 'refused' if '\n' not in str(error) else 'traceback'
  except _Hang:
    return 'hang'
  except Exception:
    return 'traceback'
  finally:
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)
  is_same = found == whole or kind.is_fine(found, whole)
  return 'unharmed' if is_same else 'silent'


class _Hang(BaseException):
  """The time is up."""


def _time_is_up(*_):
  raise _Hang
