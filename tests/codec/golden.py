"""Tiny models of every likelihood, quantizer and prior, and what they code.

Nothing here loads TensorFlow; `golden_networks` makes the models.
"""

import io
import pathlib
from typing import NamedTuple

import numpy as np

from vqvae_tf.codec import coding, container
from vqvae_tf.codec.coding import Content
from vqvae_tf.exact import model as exact

FROZEN = pathlib.Path(__file__).parents[1] / 'frozen' / 'codec'
COUNT = 3
_AUTOREGRESSIVE = {'decoder': 'autoregressive'}


class Case(NamedTuple):
  """A tiny model.

  Attributes:
    shape: of its images.
    settings: beside those that all have.
    prior: kind of the network over its codes; None: it has none.
    num_classes: of the labels that this network is given.
  """

  shape: tuple[int, ...]
  settings: dict
  prior: str | None = None
  num_classes: int = 0


CASES = {
  'normal': Case((4, 4, 1), {'likelihood': 'normal'}),
  'mixture': Case(
    (5, 7, 3),
    {'quantizer': 'residual', 'num_codebooks': 2, 'num_mixtures': 3},
    'gated_pixelcnn',
    3,
  ),
  'categorical': Case(
    (4, 6, 1),
    {
      'likelihood': 'categorical',
      'quantizer': 'product',
      'num_codebooks': 2,
    },
    'wavenet',
  ),
  'bernoulli': Case(
    (6, 6, 2),
    {'likelihood': 'bernoulli', 'quantizer': 'finite_scalar', 'levels': '3,5'},
    'transformer',
    2,
  ),
  'normal_pixels': Case(
    (4, 4, 3),
    {
      'likelihood': 'normal',
      'scale': 0.1,
      'quantizer': 'lookup_free',
      'num_embeddings': 8,
      **_AUTOREGRESSIVE,
    },
    'gated_pixelcnn',
  ),
  'mixture_pixels': Case(
    (4, 6, 3), {'num_mixtures': 2, **_AUTOREGRESSIVE}, 'wavenet', 2
  ),
  'categorical_pixels': Case(
    (4, 4, 1),
    {
      'likelihood': 'categorical',
      'quantizer': 'cosine',
      'block_size': 1,
      **_AUTOREGRESSIVE,
    },
  ),
  'bernoulli_pixels': Case(
    (4, 4, 1),
    {
      'likelihood': 'bernoulli',
      'quantizer': 'gradient',
      **_AUTOREGRESSIVE,
    },
    'transformer',
  ),
}


def content(structure) -> Content:
  """Returns codes, labels and smooth images that any machine makes the same."""
  rows = np.arange(COUNT * int(np.prod(structure.example_shape)))
  examples = (rows * rows // 7 + 11 * rows) % 251
  examples = examples.reshape(COUNT, *structure.example_shape).astype(np.uint8)
  if structure.likelihood['kind'] == 'bernoulli':
    examples = np.where(examples > 99, 255, 0).astype(np.uint8)
  *grid, books = structure.code_shape
  count = COUNT * int(np.prod(grid))
  numbers = np.arange(count)[:, np.newaxis] * [3, 5][:books]
  codes = numbers % structure.codebook_sizes
  codes = codes.reshape(COUNT, *grid, books).astype(np.int32)
  labels = np.arange(COUNT) % max(structure.num_classes, 1)
  return Content(codes, labels, examples)


def coded(model: exact.ExactModel, what: Content, random_access=False) -> bytes:
  """Returns the file of a content."""
  file = io.BytesIO()
  writer = container.Writer(file, container.LOSSLESS, model.fingerprint)
  for block in coding.blocks(model, [what], random_access):
    writer.add(block)
  writer.finish()
  return file.getvalue()


def decoded(model: exact.ExactModel, data: bytes) -> list[Content]:
  """Returns the content of each block of a file."""
  file = container.File(data)
  return [
    coding.read(model, block, range(len(block.words)), True)[1]
    for _, block in file.blocks(0, file.examples)
  ]
