"""The VQ-VAE: encoder -> quantizer -> decoder -> likelihood.

The encoder is deterministic, so q(z|x) sits on one code and

    log p(x) >= log p(x | z_q(x)) + log p(z_q(x)),

whose two terms are the pixel nats and the code nats below.

References:
  van den Oord et al., Neural Discrete Representation Learning, 2017.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import sonnet as snt
import tensorflow as tf

from vqvae_tf import bits
from vqvae_tf.likelihoods import Likelihood
from vqvae_tf.media.examples import check_examples
from vqvae_tf.models.compilation import compiled, compiled_rows
from vqvae_tf.nets import Convolution
from vqvae_tf.quantizers import Quantizer


class Losses(NamedTuple):
  """What training a batch gives.

  Attributes:
    loss: float scalar to minimize: nats per dimension + weighted quantizer
      loss.
    nats: float `[B]`, -log p(x | z), nats per example.
    quantizer_loss: float scalar, as the quantizer defines it.
    codes: int32 `[B, ..., M]`, of images `[B, h, w, M]`.
  """

  loss: tf.Tensor
  nats: tf.Tensor
  quantizer_loss: tf.Tensor
  codes: tf.Tensor


class Assessment(NamedTuple):
  """What evaluating a batch gives.

  Attributes:
    pixel_bits: float `[B]`, -log2 p(x | z), bits per example.
    code_bits: float `[B]`, -log2 p(z) under the uniform prior, bits per
      example.
    codes: int32 `[B, ..., M]`.
    reconstructions: uint8 `[B, ..., C]`, as `decode` gives them; None of an
      autoregressive likelihood, whose reconstructions are samples.
  """

  pixel_bits: tf.Tensor
  code_bits: tf.Tensor
  codes: tf.Tensor
  reconstructions: tf.Tensor | None


class Decoding(Protocol):
  """What a decoder is.

  Attributes:
    grid_size: of the codes of an example; of an image's (h, w).
  """

  grid_size: tuple[int, ...]

  def __call__(self, embeddings: tf.Tensor) -> tf.Tensor:
    """Takes embeddings `[B, ..., D]` to likelihood parameters."""


class VQVAE(snt.Module):
  """A vector quantized variational autoencoder over uint8 examples.

  An example is an image `[H, W, C]`, a sound `[T, C]` or a clip `[T, H, W, C]`,
  whatever encoder and decoder are for; its codes have a grid of as many sides.

  Args:
    encoder: takes float `[B, ..., C]` to features `[B, ..., F]`; of an image
      `[B, H, W, C]` to `[B, h, w, F]`.
    quantizer: the bottleneck.
    decoder: takes embeddings `[B, ..., D]` to likelihood parameters.
    likelihood: p(x | z); it owns the map from pixels to floats.
    quantizer_weight: factor of the quantizer's loss in `losses`.
    compute_dtype: in which `losses` gives examples to the encoder, and vectors
      to the decoder: they compute in the dtype of their inputs. Variables,
      quantizer and likelihood stay in float32, and so does everything but
      `losses`: what is evaluated and exported.
  """

  def __init__(
    self,
    encoder: Callable[[tf.Tensor], tf.Tensor],
    quantizer: Quantizer,
    decoder: Decoding,
    likelihood: Likelihood,
    quantizer_weight: float = 1.0,
    compute_dtype: tf.DType = tf.float32,
    name: str = 'vqvae',
  ):
    super().__init__(name=name)
    self.encoder = encoder
    self.projection = Convolution(
      quantizer.embedding_dim, 1, name='pre_quantization'
    )
    self.quantizer = quantizer
    self.decoder = decoder
    self.likelihood = likelihood
    self.quantizer_weight = quantizer_weight
    self._compute_dtype = compute_dtype
    # XLA fuses what works element by element. The convolutions stay outside:
    # on a CPU oneDNN's are a fifth faster than XLA's.
    self._quantize = compiled(quantizer.forward)
    self._log_prob = _compiled_log_prob(likelihood)

  # What training averages of `losses`.
  statistics = ('loss', 'nats', 'quantizer_loss')

  @property
  def counted_codebooks(self) -> tuple[int, ...]:
    """The sizes of the codebooks of which training counts the codes."""
    return self.quantizer.codebook_sizes

  @property
  def weights(self) -> list[tf.Variable]:
    """What is trained, without codebooks.

    A code that is placed anew would leave its average behind.
    """
    codebooks = {id(codebook) for codebook in self.quantizer.codebooks}
    return [x for x in self.trainable_variables if id(x) not in codebooks]

  @property
  def matrices(self) -> list[tf.Variable]:
    """Those of the weights that are matrices to an optimizer: see `Muon`."""
    return [weight for weight in self.weights if weight.shape.rank > 1]

  @property
  def code_shape(self) -> tuple[int, ...]:
    """Shape of an example's codes, `[..., M]`: the decoder's grid and M."""
    return (*self.decoder.grid_size, len(self.quantizer.codebook_sizes))

  def losses(self, batch: tf.Tensor, is_training: bool) -> Losses:
    """Returns the loss of a batch, in nats per dimension.

    loss = -log p(x | z) / D + quantizer_weight * quantizer loss, averaged over
    the batch; D = H W C for an image, and the quantizer's loss is Sonnet's
    (commitment, and codebook term where there is one).

    Args:
      batch: uint8 `[B, ..., C]`.
      is_training: whether codebook statistics are updated.

    Returns:
      `Losses`.

    Raises:
      ValueError: if `batch` is no uint8 `[B, ..., C]`.
    """
    check_examples(batch)
    features = self._features(batch, self._compute_dtype)
    quantized = self._quantize(features, is_training)
    params = self.decoder(quantized.vectors)
    nats = -self._log_prob(tf.cast(params, tf.float32), batch)
    nats_per_dim = tf.reduce_mean(nats) / math.prod(batch.shape[1:])
    loss = nats_per_dim + self.quantizer_weight * quantized.loss
    return Losses(loss, nats, quantized.loss, quantized.codes)

  def encode(self, batch: tf.Tensor) -> tf.Tensor:
    """Returns the codes of a batch.

    Args:
      batch: uint8 `[B, ..., C]`.

    Returns:
      int32 `[B, ..., M]`, of images `[B, h, w, M]`.

    Raises:
      ValueError: if `batch` is no uint8 `[B, ..., C]`.
    """
    check_examples(batch)
    return self.quantizer.encode(self._features(batch))

  def embed(self, codes: tf.Tensor) -> tf.Tensor:
    """Returns the vectors of codes: int32 `[B, ..., M]` to `[B, ..., D]`.

    Raises:
      InvalidArgumentError: if a code is out of range.
    """
    return self.quantizer.decode(codes)

  def decode(
    self, codes: tf.Tensor, seed: tf.Tensor | None = None
  ) -> tf.Tensor:
    """Returns the examples that codes stand for, without seeing one.

    The rounded mean of p(x | z), for binary likelihoods the likelier value; of
    an autoregressive likelihood, which has no mean, a sample.

    Args:
      codes: int32 `[B, ..., M]`.
      seed: int32 `[2]` for an autoregressive likelihood; others need none.

    Returns:
      uint8 `[B, ..., C]`.

    Raises:
      ValueError: if an autoregressive likelihood is given no seed.
      InvalidArgumentError: if a code is out of range.
    """
    params = self.decoder(self.embed(codes))
    if not self.likelihood.is_autoregressive:
      return self.likelihood.mean(params)
    if seed is None:
      raise ValueError(
        'decode of an autoregressive likelihood draws a sample: give a seed, '
        'two integers'
      )
    return self.likelihood.sample(params, seed)

  def pixel_bits(self, codes: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
    """Returns -log2 p(x | z) of examples under any codes, bits per example.

    Args:
      codes: int32 `[B, ..., M]`.
      batch: uint8 `[B, ..., C]`.

    Returns:
      float32 `[B]`. An autoregressive likelihood is teacher-forced: each pixel
      is judged given the true earlier pixels.

    Raises:
      InvalidArgumentError: if a code is out of range.
    """
    params = self.decoder(self.embed(codes))
    return bits.nats_to_bits(-self.likelihood.log_prob(params, batch))

  def pixel_bits_map(self, codes: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
    """Returns `pixel_bits` of each pixel, a sum over its channels.

    float32 `[B, ...]`, of images `[B, H, W]`; arguments as of `pixel_bits`.
    """
    params = self.decoder(self.embed(codes))
    return bits.nats_to_bits(-self.likelihood.log_prob_map(params, batch))

  def reconstruct(
    self, batch: tf.Tensor, seed: tf.Tensor | None = None
  ) -> tf.Tensor:
    """Returns what `decode` makes of a batch's codes, uint8 `[B, ..., C]`."""
    return self.decode(self.encode(batch), seed)

  def assess(self, batch: tf.Tensor) -> Assessment:
    """Returns bits, codes and reconstructions of a batch.

    Args:
      batch: uint8 `[B, ..., C]`.

    Returns:
      `Assessment`, bits per example.

    Raises:
      ValueError: if `batch` is no uint8 `[B, ..., C]`.
    """
    return self._assess_codes(self.encode(batch), batch)

  def assess_with_loss(self, batch: tf.Tensor) -> tuple[Assessment, tf.Tensor]:
    """Returns `assess` of a batch, and the loss of `losses` in evaluation.

    Args:
      batch: uint8 `[B, ..., C]`.

    Returns:
      `Assessment`, bits per example, and a float scalar, nats per dimension.

    Raises:
      ValueError: if `batch` is no uint8 `[B, ..., C]`.
    """
    check_examples(batch)
    quantized = self._quantize(self._features(batch), False)
    found = self._assess_codes(quantized.codes, batch)
    nats = tf.reduce_mean(found.pixel_bits) * math.log(2)
    loss = nats / math.prod(batch.shape[1:])
    return found, loss + self.quantizer_weight * quantized.loss

  def _assess_codes(self, codes, batch):
    params = self.decoder(self.embed(codes))
    pixel_bits = bits.nats_to_bits(-self.likelihood.log_prob(params, batch))
    positions = math.prod(codes.shape[1:-1])
    bits_per_example = float(self.quantizer.bits_per_position * positions)
    code_bits = tf.fill(tf.shape(pixel_bits), bits_per_example)
    sampled = self.likelihood.is_autoregressive
    reconstructions = None if sampled else self.likelihood.mean(params)
    return Assessment(pixel_bits, code_bits, codes, reconstructions)

  def _features(self, batch, dtype=tf.float32):
    floats = tf.cast(self.likelihood.to_float(batch), dtype)
    return self.projection(self.encoder(floats))


def _compiled_log_prob(likelihood):
  if likelihood.is_autoregressive:
    # Convolutions are most of it.
    return likelihood.log_prob
  has_variables = bool(likelihood.trainable_variables)
  return (compiled if has_variables else compiled_rows)(likelihood.log_prob)
