"""A model behind its doors, wherever these come from."""

import functools
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from vqvae_tf import bits
from vqvae_tf.codes import bits_per_position
from vqvae_tf.models import worth
from vqvae_tf.models.code_cost import (
  CodeCost,
  code_cost,
  examples_per_fixed_pass,
  examples_per_pass,
  padded,
)
from vqvae_tf.models.code_prior import CodePrior
from vqvae_tf.models.doors import model_doors, prior_doors
from vqvae_tf.models.sampler import Sampler, Samples
from vqvae_tf.models.vqvae import VQVAE, Assessment

# Of the samples that stand for reconstructions.
SEED = (0, 0)

# Functions by name, called with tensors by name; see `models.doors`.
Doors = Mapping[str, Callable[..., Mapping[str, tf.Tensor]]]


class Traits(NamedTuple):
  """What doors do not tell of a model.

  Attributes:
    code_shape: `[..., M]`, of an example's codes; of an image's (h, w, M).
    codebook_sizes: K of each of the M codebooks.
    is_sampled: whether the decoder is autoregressive, and its images samples.
  """

  code_shape: tuple[int, ...]
  codebook_sizes: tuple[int, ...]
  is_sampled: bool


class ServedPrior:
  """A prior behind its doors.

  Args:
    doors: `prior_nll` and, where there is a model beside it, `sample`.
    code_shape: `[..., M]`, of an example's codes; of an image's (h, w, M).
    codebook_sizes: K of each of the M codebooks.
    num_classes: of the labels; 0 of an unconditional prior.
    warning: why it is of no use, if it is known to be of none.
    find: finds the prior itself, which draws and evaluates many examples
      sooner; None where there are doors alone, or where it finds None.
  """

  def __init__(
    self,
    doors: Doors,
    code_shape: tuple[int, ...],
    codebook_sizes: tuple[int, ...],
    num_classes: int,
    warning: str = '',
    find: Callable[[], CodePrior | None] | None = None,
  ):
    self._find = find
    self._codebook_sizes = codebook_sizes
    self._per_fixed_pass = examples_per_fixed_pass(math.prod(code_shape[:-1]))
    self._doors = doors
    self._code_shape = code_shape
    self._per_pass = examples_per_pass(math.prod(code_shape), codebook_sizes)
    self.num_classes = num_classes
    self.warning = warning

  def code_bits(self, codes: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns -log2 p(code | earlier codes, label).

    Args:
      codes: int32 `[B, ..., M]`.
      labels: int32 `[B]`; an unconditional prior ignores them.

    Returns:
      float32 `[B, ..., M]`.
    """
    given = {'labels': tf.constant(labels)} if self.num_classes else {}
    found = self._doors['prior_nll'](codes=tf.constant(codes), **given)
    return found['code_bits']

  def cost(
    self, codes: np.ndarray, labels: np.ndarray | None = None
  ) -> CodeCost:
    """Returns what codes cost in all, with and without their labels.

    Args:
      codes: int32 `[B, ..., M]`.
      labels: int32 `[B]`; None where they are not those of the prior.
    """
    per_pass = self._per_pass
    bits_of: Callable = self.code_bits
    if quick := self.quick_bits(len(codes)):
      per_pass = self._per_fixed_pass
      bits_of = padded(quick, per_pass)
    return code_cost(bits_of, self.num_classes, codes, labels, per_pass)

  def quick_bits(self, num: int) -> Callable | None:
    """Returns what `cost` of so many examples calls, compiled by XLA.

    Args:
      num: of examples; each has all labels.

    Returns:
      It takes codes and labels of one pass to bits `[B]`. None where that takes
      no less time, compilation included, or where there are doors alone.
    """
    pairs = num * max(self.num_classes, 1)
    return self._example_bits if pairs > self._per_fixed_pass else None

  @functools.cached_property
  def _prior(self):
    return self._find() if self._find else None

  @functools.cached_property
  def _example_bits(self):
    """Takes codes and labels to bits [B] of as many; None without a prior."""
    prior = self._prior
    if prior is None:
      return None

    def example_bits(codes, labels):
      return bits.nats_to_bits(prior.example_nats(codes, labels))

    call = tf.function(example_bits, autograph=False)
    return lambda *given: call(*map(tf.constant, given))

  def sample(
    self,
    num: int,
    seed: tuple[int, int],
    label: int = -1,
    temperature: float = 1.0,
    top_p: float = 1.0,
    given: np.ndarray | None = None,
    mask: np.ndarray | None = None,
  ) -> Samples:
    """Draws codes and images: see `Sampler`."""
    if given is None:
      shape = [1, *self._code_shape]
      given, mask = (tf.zeros(shape, t) for t in (tf.int32, tf.bool))
    drawn = self._doors['sample'](
      num=tf.constant(num),
      seed=tf.constant(seed),
      label=tf.constant(label),
      temperature=tf.constant(temperature),
      top_p=tf.constant(top_p),
      given=tf.constant(given),
      mask=tf.constant(mask),
    )
    return Samples(**drawn)

  def sampler(
    self, num_calls: int, batch: int, is_sampled: bool
  ) -> Callable[..., Samples]:
    """Returns `sample`, or for a large job what does the same sooner.

    XLA then compiles the prior's loop. Of the same seed it draws the same, but
    where a rounding decides: a code of a few thousand is another one, and so
    are those that follow it.

    Args:
      num_calls: how often it will be called.
      batch: the `num` of each call.
      is_sampled: whether the decoder is autoregressive, see `Traits`.
    """
    steps, masses = math.prod(self._code_shape), max(self._codebook_sizes)
    is_large = worth.saves_time(num_calls, steps, batch, masses)
    if not is_large or self._prior is None:
      return self.sample

    def decode(codes, seed):
      given = {'seed': seed} if is_sampled else {}
      return self._doors['decode'](codes=codes, **given)['images']

    return Sampler(decode, self._prior)


class Served:
  """A model behind its doors: arrays or tensors in, tensors out.

  Args:
    doors: as `doors.model_doors` has them, or the signatures of an export.
    traits: of the model.
    prior: over the codes; None where there is none.

  Attributes:
    code_shape, codebook_sizes, is_sampled: see `Traits`.
    prior: over the codes, or None.
  """

  def __init__(
    self, doors: Doors, traits: Traits, prior: ServedPrior | None = None
  ):
    self._doors = doors
    self.code_shape, self.codebook_sizes, self.is_sampled = traits
    self.prior = prior

  @property
  def has_pixel_bits(self) -> bool:
    """Whether it tells the bits of images under any codes.

    An export that was made early does not.
    """
    return 'pixel_bits' in self._doors

  def encode(self, images: tf.Tensor) -> tf.Tensor:
    """Takes images uint8 `[B, ..., C]` to codes int32 `[B, ..., M]`."""
    return self._doors['encode'](images=tf.constant(images))['codes']

  def decode(self, codes: tf.Tensor, seed: tuple[int, int] = SEED) -> tf.Tensor:
    """Takes codes to images uint8 `[B, ..., C]`, or to one sample of each."""
    door = self._doors['decode']
    return door(codes=tf.constant(codes), **self._seeded(seed))['images']

  def reconstruct(
    self, images: tf.Tensor, seed: tuple[int, int] = SEED
  ) -> tf.Tensor:
    """Returns what `decode` makes of the codes of images."""
    door = self._doors['reconstruct']
    return door(images=tf.constant(images), **self._seeded(seed))['images']

  def _seeded(self, seed):
    return {'seed': tf.constant(seed)} if self.is_sampled else {}

  def embed(self, codes: tf.Tensor) -> tf.Tensor:
    """Takes codes to their vectors, float32 `[B, ..., D]`."""
    return self._doors['embed'](codes=tf.constant(codes))['embeddings']

  def pixel_bits(self, codes: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Returns -log2 p(x | z) of images under any codes, bits `[B]`."""
    return self._pixel_bits(codes, images)['pixel_bits']

  def pixel_bits_map(self, codes: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Returns the same for each pixel, float32 `[B, ...]`."""
    return self._pixel_bits(codes, images)['pixel_bits_map']

  def _pixel_bits(self, codes, images):
    door = self._doors['pixel_bits']
    return door(codes=tf.constant(codes), images=tf.constant(images))

  def assess(self, images: tf.Tensor) -> Assessment:
    """Returns bits, codes and reconstructions of images uint8 `[B, ..., C]`.

    It takes one pass, but for an early export.
    """
    images = tf.constant(images)
    if 'assess' not in self._doors:
      return self._assess_in_parts(images)
    found = self._doors['assess'](images=images)
    return Assessment(
      found['pixel_bits'],
      found['code_bits_uniform'],
      found['codes'],
      found.get('images'),
    )

  def _assess_in_parts(self, images):
    codes = self.encode(images)
    # `nll` would count the codes under a learned prior, too.
    pixel_bits = (
      self.pixel_bits(codes, images)
      if self.has_pixel_bits
      else self._doors['nll'](images=images)['pixel_bits']
    )
    positions = math.prod(self.code_shape[:-1])
    code_bits = positions * bits_per_position(self.codebook_sizes)
    return Assessment(
      pixel_bits,
      tf.fill(tf.shape(pixel_bits), code_bits),
      codes,
      None if self.is_sampled else self.decode(codes),
    )


def serve(model: VQVAE, example_shape: tuple[int, ...]) -> Served:
  """Returns a model behind doors of its own.

  Args:
    model: with all its variables.
    example_shape: `[..., C]`, of an image (H, W, C).
  """
  return Served(model_doors(model, example_shape), traits(model))


def serve_prior(
  prior: CodePrior, doors: Doors | None = None, warning: str = ''
) -> ServedPrior:
  """Returns a prior behind its doors.

  Args:
    prior: over codes.
    doors: those of its model with the prior; None: there is no model, and so
      nothing to sample with.
    warning: as for `ServedPrior`.
  """
  sizes = prior.codebook_sizes
  shape = (*prior.grid, len(sizes))
  doors = doors or prior_doors(prior)
  classes = prior.num_classes
  return ServedPrior(doors, shape, sizes, classes, warning, lambda: prior)


def traits(model: VQVAE) -> Traits:
  """Returns the traits of a model."""
  sizes = model.quantizer.codebook_sizes
  return Traits(model.code_shape, sizes, model.likelihood.is_autoregressive)
