"""Work beside each other on all cores, each part on one.

A library for matrix products that takes all cores for itself waits for them: on
a machine with other work ten times as long as the product. Parts of a batch
need no waiting.
"""

import functools
import os
from collections.abc import Callable, Iterable
from concurrent import futures
from typing import TypeVar

import threadpoolctl

_Part = TypeVar('_Part')
_Result = TypeVar('_Result')


def cores() -> int:
  """Returns how many cores this process may use."""
  # Only Linux knows which.
  has = getattr(os, 'sched_getaffinity', None)
  return len(has(0)) if has else os.cpu_count() or 1


def side_by_side(
  work: Callable[[_Part], _Result], parts: Iterable[_Part]
) -> list[_Result]:
  """Returns what a function makes of parts, in their order."""
  with (
    _libraries().limit(limits=1, user_api='blas'),
    futures.ThreadPoolExecutor(cores()) as pool,
  ):
    return list(pool.map(work, parts))


@functools.cache
def _libraries():
  return threadpoolctl.ThreadpoolController()
