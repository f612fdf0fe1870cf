"""The examples in docstrings are true."""

import doctest
import importlib
import pathlib

import numpy as np
import pytest
import tensorflow as tf

import vqvae_tf
from vqvae_tf import bits

ROOT = pathlib.Path(vqvae_tf.__file__).parent
# What an example may use without importing it.
NAMES = {'bits': bits, 'np': np, 'tf': tf, 'vqvae_tf': vqvae_tf}
MODULES = [
  '.'.join(path.relative_to(ROOT.parent).with_suffix('').parts)
  for path in sorted(ROOT.rglob('*.py'))
  if '>>> ' in path.read_text()
]


@pytest.mark.parametrize('name', MODULES)
def test_examples(name):
  found = doctest.testmod(
    importlib.import_module(name),
    extraglobs=NAMES,
    optionflags=doctest.NORMALIZE_WHITESPACE,
  )
  assert found.attempted and not found.failed


@pytest.mark.parametrize('home', ['quantizers', 'likelihoods'])
def test_public_names_have_examples(home):
  for name, place in vqvae_tf._HOMES.items():
    if place == home:
      assert '>>> ' in getattr(vqvae_tf, name).__doc__, name
