"""The format: frozen models read and write frozen files, byte for byte.

`golden_networks.py` writes them; who has to run it changes the format.
"""

import os
import subprocess
import sys

import golden
import numpy as np
import pytest

from vqvae_tf.codec import container
from vqvae_tf.exact import model

cases = pytest.mark.parametrize('name', golden.CASES)


def frozen(name):
  return (
    model.read(golden.FROZEN / f'{name}.npz'),
    (golden.FROZEN / f'{name}.vqz').read_bytes(),
  )


@cases
def test_reads_the_frozen_file(name):
  known, data = frozen(name)
  [found] = golden.decoded(known, data)
  for part, expected in zip(
    found, golden.content(known.structure), strict=True
  ):
    np.testing.assert_array_equal(part, expected)


@cases
def test_writes_the_frozen_file(name):
  known, data = frozen(name)
  assert golden.coded(known, golden.content(known.structure)) == data


@cases
def test_each_example_alone(name):
  known, _ = frozen(name)
  content = golden.content(known.structure)
  [found] = golden.decoded(known, golden.coded(known, content, True))
  np.testing.assert_array_equal(found.examples, content.examples)


def test_every_flipped_bit_is_told():
  known, data = one_example()
  for place in range(len(data)):
    for bit in range(8):
      changed = bytearray(data)
      changed[place] ^= 1 << bit
      assert is_told(known, bytes(changed)), (place, bit)


def test_every_truncation_is_told():
  known, data = one_example()
  for size in range(len(data)):
    assert is_told(known, data[:size])


def one_example():
  known, _ = frozen('normal')
  content = golden.content(known.structure)
  return known, golden.coded(
    known,
    content._replace(
      codes=content.codes[:1],
      labels=content.labels[:1],
      examples=content.examples[:1],
    ),
  )


def is_told(known, data):
  """Whether reading raises what it should, or sees another model."""
  try:
    is_foreign = container.File(data).fingerprint != known.fingerprint
    golden.decoded(known, data)
  except ValueError:
    return True
  return is_foreign


READ = """
import golden
from vqvae_tf.exact import model
for name in golden.CASES:
  known = model.read(golden.FROZEN / f'{name}.npz')
  content = golden.content(known.structure)
  data = (golden.FROZEN / f'{name}.vqz').read_bytes()
  [found] = golden.decoded(known, data)
  assert (found.examples == content.examples).all(), name
  assert golden.coded(known, content) == data, name
"""


@pytest.mark.parametrize(
  'kernels',
  [
    {'OPENBLAS_CORETYPE': 'Prescott'},
    {'OPENBLAS_CORETYPE': 'Nehalem'},
    {'OPENBLAS_CORETYPE': 'Haswell'},
    {'NPY_DISABLE_CPU_FEATURES': 'AVX512F AVX512_SKX AVX2 FMA3'},
  ],
  ids=lambda kernels: ' '.join(kernels.values()),
)
def test_other_machines_read_and_write_the_same(kernels, environment):
  """Kernels of other processors; `tests/exact/test_layers.py` has threads."""
  folder = os.path.dirname(golden.__file__)
  path = os.pathsep.join([folder, environment['PYTHONPATH']])
  ended = subprocess.run(
    [sys.executable, '-W', 'ignore', '-c', READ],
    env=environment | kernels | {'PYTHONPATH': path},
    capture_output=True,
    text=True,
    check=False,
  )
  assert not ended.returncode, ended.stderr
