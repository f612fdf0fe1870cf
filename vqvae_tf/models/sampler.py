"""New examples: codes that a prior draws, decoded."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from vqvae_tf import noise
from vqvae_tf.models.code_prior import CodePrior

Decode = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Samples(NamedTuple):
  """What is drawn.

  Attributes:
    codes: int32 `[num, ..., M]`.
    images: uint8 `[num, H, W, C]`, what the decoder makes of them.
  """

  codes: tf.Tensor
  images: tf.Tensor


class Sampler:
  """Draws z from p(z | y), then decodes it.

  Args:
    decode: takes codes int32 `[num, ..., M]` and a seed int32 `[2]` to images
      uint8 `[num, H, W, C]`, as `VQVAE.decode` does.
    prior: over the codes of that model.
    jit_compile: whether XLA compiles the prior's loop, anew for each `num`.
      It draws the same codes, but where a rounding decides.
  """

  def __init__(
    self, decode: Decode, prior: CodePrior, jit_compile: bool = True
  ):
    self._prior = prior
    self._jit_compile = jit_compile
    self._decode = tf.function(decode, autograph=False)

  def __call__(
    self,
    num: tf.Tensor | int,
    seed: tf.Tensor,
    label: tf.Tensor | int = -1,
    temperature: tf.Tensor | float = 1.0,
    top_p: tf.Tensor | float = 1.0,
    given: tf.Tensor | None = None,
    mask: tf.Tensor | None = None,
  ) -> Samples:
    """Returns codes and images.

    Args:
      num: int32 scalar, how many.
      seed: int32 `[2]`.
      label: int32 scalar, the class of all; -1 draws one for each image, and
        is all that an unconditional prior takes.
      temperature: float scalar, at least 0, see `CodePrior.sample`.
      top_p: float scalar in (0, 1], likewise.
      given: int32 `[num or 1, ..., M]`, codes to keep.
      mask: bool `[num or 1, ..., M]`, which are kept.

    Returns:
      `Samples`.

    Raises:
      InvalidArgumentError: if the label, temperature or top_p is out of range,
        or a code that is kept.
    """
    label, seed = tf.cast(label, tf.int32), tf.cast(seed, tf.int32)
    temperature, top_p = (
      tf.cast(value, tf.float32) for value in (temperature, top_p)
    )
    checks = self._checks(label, temperature, top_p)
    with tf.control_dependencies([] if tf.executing_eagerly() else checks):
      codes_seed, others = noise.split(seed)
    label_seed, pixel_seed = noise.split(others)
    labels = self._labels(num, label, label_seed)
    jit_compile = self._jit_compile
    codes = self._prior.sample(
      labels, codes_seed, temperature, top_p, given, mask, jit_compile
    )
    return Samples(codes, self._decode(codes, pixel_seed))

  def _checks(self, label, temperature, top_p):
    count = self._prior.num_classes
    return [
      _check((-1 <= label) & (label < count), 'label', f'in -1..{count - 1}'),
      _check(temperature >= 0, 'temperature', 'at least 0'),
      _check((0 < top_p) & (top_p <= 1), 'top_p', 'in (0, 1]'),
    ]

  def _labels(self, num, label, seed):
    count = max(self._prior.num_classes, 1)
    drawn = tf.random.stateless_uniform(
      [num], seed, 0, count, tf.int32, alg=noise.ALGORITHM
    )
    return tf.where(label < 0, drawn, label)


def _check(is_fine, name, must):
  return tf.debugging.Assert(is_fine, [f'{name} must be {must}.'])
