"""What pictures are made of: some images, their codes, the codes of a split."""

import functools

import numpy as np
import tqdm

from vqvae_tf.codes import count_codes
from vqvae_tf.datasets import pipeline
from vqvae_tf.datasets.source import Source
from vqvae_tf.errors import UserError
from vqvae_tf.media.images import check_shape
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.serving.subject import Subject

_NUM_IMAGES = 16
_BATCH_SIZE = 100
# A table of all embeddings is to fit into memory.
_MAX_CODES = 2**16


class Inapplicable(UserError):
  """A picture cannot be drawn of this model; the message says why."""


class Material:
  """A model and its data, computed when first asked for.

  Args:
    subject: the model.
    data: the split that is drawn and counted; None if no picture needs it.
    workdir: of the run, with its history; None of an export.
    seed: of all that is drawn at random, and of which images are.
    num_frames: of walks; None: 1,000, or 100 of an autoregressive decoder,
      which draws them one by one.

  Raises:
    UserError: if the model's examples are no images, or the data's are of
      another shape.
  """

  def __init__(
    self,
    subject: Subject,
    data: Source | None,
    workdir: Workdir | None = None,
    seed: int = 0,
    num_frames: int | None = None,
  ):
    self.subject = subject
    self.data = data
    self.workdir = workdir
    self.seed = seed
    self.sizes = subject.codebook_sizes
    self.is_sampled = subject.is_sampled
    self.num_frames = num_frames or (100 if self.is_sampled else 1000)
    shape = subject.config.example_shape
    check_shape(shape, 'bin/visualize', 'bin/evaluate takes any')
    if data:
      subject.check(data)

  def rng(self) -> np.random.Generator:
    """Returns random numbers that do not depend on other pictures."""
    return np.random.default_rng(self.seed)

  @functools.cached_property
  def images(self) -> np.ndarray:
    """Some images of the split, uint8 `[B, H, W, C]`, B at most 16."""
    order = self.rng().permutation(self.data.num_examples)
    return self.fetch(order[:_NUM_IMAGES])

  @functools.cached_property
  def codes(self) -> np.ndarray:
    """Their codes, int32 `[B, h, w, M]`."""
    return np.asarray(self.subject.encode(self.images))

  @functools.cached_property
  def reconstructions(self) -> np.ndarray:
    """What `decode` makes of these, uint8 `[B, H, W, C]`."""
    return self.decode(self.codes)

  def fetch(self, indices: np.ndarray) -> np.ndarray:
    """Returns images of the split, uint8 `[n, H, W, C]`."""
    return np.asarray(self.data.fetch(np.asarray(indices, np.int64))[0])

  def decode(self, codes: np.ndarray) -> np.ndarray:
    """Returns what the decoder makes of codes.

    Of an autoregressive decoder, samples with the same random numbers for
    each: what differs comes of the codes.

    Args:
      codes: int `[n, h, w, M]`.

    Returns:
      uint8 `[n, H, W, C]`.
    """
    # In a batch each row has random numbers of its own.
    fit = pipeline.fitting(_BATCH_SIZE, self.data)
    size = 1 if self.is_sampled else fit
    codes = np.asarray(codes, np.int32)
    decode = self.subject.decoder(-(-len(codes) // size))
    return np.concatenate(
      [
        np.asarray(decode(codes[i : i + size]))
        for i in _bar(range(0, len(codes), size), 'decoding')
      ]
    )

  def check_prior(self) -> None:
    """Raises `Inapplicable` if there is no prior."""
    if not self.subject.prior:
      raise Inapplicable(
        f'{self.subject.origin} has no prior: train one with bin/prior'
      )

  def code_bits(self, codes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns -log2 p(code | earlier codes, label) under the prior.

    Args:
      codes: int `[n, h, w, M]`.
      labels: int `[n]`; an unconditional prior ignores them.

    Returns:
      float64 `[n, h, w, M]`.

    Raises:
      Inapplicable: if there is no prior.
    """
    self.check_prior()
    codes, labels = (np.asarray(values, np.int32) for values in (codes, labels))
    return np.asarray(self.subject.prior.code_bits(codes, labels), np.float64)

  @functools.cached_property
  def labels(self) -> np.ndarray:
    """The class of each image that makes its codes likeliest, int32 `[B]`.

    It needs no labels, which the data may not have. Zeros of an unconditional
    prior.
    """
    self.check_prior()
    count = max(1, self.subject.prior.num_classes)
    of_codes = [
      self.code_bits(self.codes, np.full(len(self.codes), label))
      for label in range(count)
    ]
    return np.argmin(np.sum(of_codes, (2, 3, 4)), 0).astype(np.int32)

  @functools.cached_property
  def all_codes(self) -> np.ndarray:
    """The codes of the whole split, int32 `[N, h, w, M]`."""
    return np.concatenate(
      [
        np.asarray(self.subject.encode(images))
        for images, _ in self._batches('codes')
      ]
    )

  @functools.cached_property
  def counts(self) -> list[np.ndarray]:
    """How often the split uses each code: M arrays int64 `[K_m]`."""
    return count_codes(self.all_codes, self.sizes)

  @functools.cached_property
  def errors(self) -> np.ndarray:
    """How well each image of the split is represented, float64 `[N]`.

    The mean squared error of its reconstruction, or the bits/dim of its pixels
    given its codes where reconstructions are samples; less is better.
    """
    errors = []
    for images, _ in self._batches('errors'):
      if self.is_sampled:
        bits = np.asarray(self.subject.assess(images).pixel_bits, np.float64)
        errors.append(bits / np.prod(images.shape[1:]))
        continue
      codes = self.subject.encode(images)
      errors.append(squared_errors(images, self.subject.decode(codes)))
    return np.concatenate(errors)

  def embed(self, codes: np.ndarray) -> np.ndarray:
    """Returns the vectors of any codes: int `[n, M]` to float32 `[n, D]`."""
    grid = self.codes.shape[1:3]
    positions = int(np.prod(grid))
    codes = np.asarray(codes, np.int32)
    padded = np.pad(codes, [(0, -len(codes) % positions), (0, 0)])
    vectors = self.subject.embed(padded.reshape(-1, *grid, len(self.sizes)))
    vectors = np.asarray(vectors)
    return vectors.reshape(-1, vectors.shape[-1])[: len(codes)]

  @functools.cached_property
  def tables(self) -> list[np.ndarray]:
    """The vectors of each codebook's codes beside codes 0 of the others.

    M arrays float32 `[K_m, D]`. The vector of several codes is the sum of
    theirs, less M - 1 times that of the codes 0, whether they are parts of it
    (product) or added to it (residual).

    Raises:
      Inapplicable: if there are too many codes for a table.
    """
    if max(self.sizes) > _MAX_CODES:
      raise Inapplicable(
        f'{max(self.sizes):,} codes are too many for a table of their vectors'
      )
    tables = []
    for m, size in enumerate(self.sizes):
      codes = np.zeros([size, len(self.sizes)], np.int32)
      codes[:, m] = np.arange(size)
      tables.append(self.embed(codes))
    return tables

  def _batches(self, title):
    size = pipeline.fitting(_BATCH_SIZE, self.data)
    batches = pipeline.in_order(self.data, size)
    count = -(-self.data.num_examples // size)
    return _bar(batches, title, count)


def squared_errors(originals, others) -> np.ndarray:
  """Returns the mean squared difference of each image, float64 `[B]`."""
  differences = np.asarray(originals, np.float64) - np.asarray(others)
  return np.mean(differences**2, (1, 2, 3))


def _bar(steps, title, total=None):
  """Shows a bar on a terminal, not for a step or two."""
  is_short = len(steps) < 10 if total is None else False
  return tqdm.tqdm(
    steps,
    total=total,
    desc=title,
    leave=False,
    disable=True if is_short else None,
  )
