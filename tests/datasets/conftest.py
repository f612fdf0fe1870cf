"""Tiny data files in the original formats, and where the real ones are."""

import gzip
import os
import pathlib
import struct

import numpy as np
import pytest

_STEMS = {'train': 'train', 'test': 't10k'}


def write_idx(folder, part, images, labels, compress=False, separator='-'):
  """Writes an image and a label file; returns their paths."""
  stem = _STEMS[part]
  contents = {
    f'{stem}-images{separator}idx3-ubyte': struct.pack(
      '>4I', 2051, *images.shape
    )
    + images.tobytes(),
    f'{stem}-labels{separator}idx1-ubyte': struct.pack('>2I', 2049, len(labels))
    + labels.tobytes(),
  }
  paths = []
  for name, data in contents.items():
    path = folder / (name + '.gz' * compress)
    path.write_bytes(gzip.compress(data) if compress else data)
    paths.append(path)
  return paths


@pytest.fixture
def idx_writer():
  return write_idx


@pytest.fixture
def idx_examples():
  """40 images of 28x28 pixels, and labels."""
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (40, 28, 28), np.uint8)
  return images, np.arange(40, dtype=np.uint8) % 10


@pytest.fixture
def real_data():
  """Gives the folder of a real data set, or skips the test."""
  default = pathlib.Path(__file__).parents[3] / 'shared' / 'data'
  root = pathlib.Path(os.environ.get('VQVAE_TF_DATA', default))

  def folder(name, *files):
    if not all((root / name / file).is_file() for file in files):
      pytest.skip(f'no real {name} in {root}')
    return root / name

  return folder


@pytest.fixture
def no_network(monkeypatch):
  """Every request goes to a port where nobody listens."""
  for name in ('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'):
    monkeypatch.setenv(name, 'http://127.0.0.1:9')
  for name in ('no_proxy', 'NO_PROXY'):
    monkeypatch.delenv(name, raising=False)
