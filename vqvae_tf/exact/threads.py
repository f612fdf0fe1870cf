"""One core for each matrix product.

A library that takes all cores for a small product waits for them: beside other
work ten times as long as the product takes.
"""

import functools

import threadpoolctl


def one_core():
  """Returns a context in which matrix products take one core."""
  return _libraries().limit(limits=1, user_api='blas')


@functools.cache
def _libraries():
  return threadpoolctl.ThreadpoolController()
