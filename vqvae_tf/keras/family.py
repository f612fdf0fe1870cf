"""The quantizers of `vqvae_tf`, each as a Keras layer.

They take the arguments of the modules by the same names, with three
differences, for the sake of `get_config`: `estimator` is a word, `dtype` is
Keras's policy, and the quantizers in others are layers of this package.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from vqvae_tf import quantizers as modules
from vqvae_tf.keras.layer import QuantizerLayer
from vqvae_tf.quantizers import codebook, cosine

_serializable = keras.saving.register_keras_serializable('vqvae_tf')


class _OneCodebook(QuantizerLayer):
  """A layer with one codebook of its own dimension."""

  def set_embeddings(
    self, values: np.ndarray, counts: np.ndarray | None = None
  ) -> None:
    """Puts a codebook in, from which training goes on.

    Args:
      values: [D, K], the weight `embeddings`.
      counts: [K], how many vectors of a training step have each code, on
        average; None: one each.

    Raises:
      ValueError: if a shape does not fit, a number is not finite, or counts are
        negative or all zero.
    """
    self.quantizer.set_embeddings(values, counts)


@_serializable
class VectorQuantizer(_OneCodebook):
  """The nearest of K embeddings, which gradients train.

      z_q(x) = e_k, k = argmin_j |z_e(x) - e_j|^2
      loss = mean (sg[z_e] - e)^2 + beta mean (z_e - sg[e])^2

  Args:
    embedding_dim: D, the last dimension of the inputs.
    num_embeddings: K, the number of codes.
    commitment_cost: beta.
    policy: where the codebook starts and what becomes of unused codes: a
      `vqvae_tf.CodebookPolicy`, or a dictionary of its fields.
    estimator: of the gradient, 'straight_through' or 'rotation'.
    **kwargs: `name`, `dtype` and `trainable`, as of every Keras layer. The
      codebook is float64 for dtype='float64', else float32.

  Raises:
    ValueError: if a word is unknown.

  References:
    van den Oord et al., Neural Discrete Representation Learning, 2017
    (https://arxiv.org/abs/1711.00937).
  """

  def __init__(
    self,
    embedding_dim: int,
    num_embeddings: int,
    commitment_cost: float = 0.25,
    *,
    policy: modules.CodebookPolicy | dict = codebook.AS_SONNET,
    estimator: str = 'straight_through',
    **kwargs: Any,
  ):
    super().__init__(**kwargs)
    settings = {
      'embedding_dim': embedding_dim,
      'num_embeddings': num_embeddings,
      'commitment_cost': commitment_cost,
      'policy': policy,
      'estimator': estimator,
    }
    self._hold(modules.VectorQuantizer, settings, dtype=self._codebook_dtype)


@_serializable
class VectorQuantizerEMA(_OneCodebook):
  """The nearest of K embeddings, which follow averages of their vectors.

      e_k = m_k / n_k, averages of the sums and counts of the vectors of code k
      loss = beta mean (z_e - sg[e])^2

  Args:
    embedding_dim: D, the last dimension of the inputs.
    num_embeddings: K, the number of codes.
    commitment_cost: beta.
    decay: of the averages, in [0, 1).
    epsilon: of the counts' smoothing, small and positive.
    policy: as of `VectorQuantizer`.
    estimator: of the gradient, 'straight_through' or 'rotation'.
    accumulation_steps: training steps between two moves of the codebook, as
      the optimizer's `gradient_accumulation_steps`.
    **kwargs: as of `VectorQuantizer`.

  Raises:
    ValueError: if a word is unknown or a number out of range.

  Examples:
    >>> layer = vqvae_tf.keras.VectorQuantizerEMA(
    ...   embedding_dim=4, num_embeddings=8, name='codes'
    ... )
    >>> layer(tf.zeros([2, 5, 4]), training=True).shape
    TensorShape([2, 5, 4])
    >>> [metric.name for metric in layer.metrics]
    ['codes']

  References:
    van den Oord et al., Neural Discrete Representation Learning, 2017,
    appendix A.1 (https://arxiv.org/abs/1711.00937).
  """

  def __init__(
    self,
    embedding_dim: int,
    num_embeddings: int,
    commitment_cost: float = 0.25,
    decay: float = 0.99,
    epsilon: float = 1e-5,
    *,
    policy: modules.CodebookPolicy | dict = codebook.AS_SONNET,
    estimator: str = 'straight_through',
    accumulation_steps: int = 1,
    **kwargs: Any,
  ):
    super().__init__(**kwargs)
    settings = {
      'embedding_dim': embedding_dim,
      'num_embeddings': num_embeddings,
      'commitment_cost': commitment_cost,
      'decay': decay,
      'epsilon': epsilon,
      'policy': policy,
      'estimator': estimator,
      'accumulation_steps': accumulation_steps,
    }
    self._hold(modules.VectorQuantizerEMA, settings, dtype=self._codebook_dtype)


@_serializable
class CosineQuantizer(QuantizerLayer):
  """The embedding of nearest direction in a space of few dimensions.

      u = A x / |A x|, k = argmax_j u . e_j with |e_j| = 1, z_q = B e_k + b
      loss = beta mean (u - sg[e_k])^2

  Args:
    embedding_dim: D, the last dimension of inputs and outputs.
    num_embeddings: K, the number of codes.
    projection_dim: d, of the codes.
    commitment_cost: beta.
    decay: of the averages that the codes follow, in [0, 1).
    policy: as of `VectorQuantizer`, but not unused_codes='sonnet'.
    estimator: of the gradient, 'straight_through' or 'rotation'.
    **kwargs: as of `VectorQuantizer`, but not dtype='float64'.

  Raises:
    ValueError: if a word is unknown or a number out of range.

  References:
    Yu et al., Vector-quantized Image Modeling with Improved VQGAN, 2021,
    section 3.2 (https://arxiv.org/abs/2110.04627).
  """

  def __init__(
    self,
    embedding_dim: int,
    num_embeddings: int,
    projection_dim: int = 8,
    commitment_cost: float = 0.25,
    decay: float = 0.99,
    *,
    policy: modules.CodebookPolicy | dict = cosine.ALIVE,
    estimator: str = 'straight_through',
    **kwargs: Any,
  ):
    super().__init__(**kwargs)
    if self.compute_dtype == 'float64':
      raise ValueError(
        "CosineQuantizer computes in float32: give it dtype='float32'."
      )
    settings = {
      'embedding_dim': embedding_dim,
      'num_embeddings': num_embeddings,
      'projection_dim': projection_dim,
      'commitment_cost': commitment_cost,
      'decay': decay,
      'policy': policy,
      'estimator': estimator,
    }
    self._hold(modules.CosineQuantizer, settings)


@_serializable
class FiniteScalarQuantizer(QuantizerLayer):
  """Rounds each dimension to one of a few levels; has no weights and no loss.

  Args:
    levels: L_i for each of the D dimensions, at least 3. The codes' counts
      take 4 bytes for each of the L_1 L_2 ... L_D codes.
    **kwargs: as of `VectorQuantizer`.

  Raises:
    ValueError: if the levels are out of range.

  Examples:
    >>> layer = vqvae_tf.keras.FiniteScalarQuantizer([8, 8, 8])
    >>> layer.encode(layer(tf.zeros([2, 5, 3]))).shape
    TensorShape([2, 5, 1])

  References:
    Mentzer et al., Finite Scalar Quantization: VQ-VAE Made Simple, 2023,
    section 3 (https://arxiv.org/abs/2309.15505).
  """

  def __init__(self, levels: Sequence[int], **kwargs: Any):
    super().__init__(**kwargs)
    self._hold(modules.FiniteScalarQuantizer, {'levels': levels})


@_serializable
class LookupFreeQuantizer(QuantizerLayer):
  """Takes the sign of each dimension; has no weights.

      u = sqrt(D) z / |z|,  z_q = sign(u) in {-1, 1}^D
      loss = beta mean (u - sg[z_q])^2
             + gamma (E_u H(p(c|u)) - H(E_u p(c|u))) / D

  Args:
    num_bits: D, the dimension and the bits of a code, 2 to 18.
    commitment_cost: beta.
    entropy_weight: gamma.
    **kwargs: as of `VectorQuantizer`.

  Raises:
    ValueError: if num_bits is out of range.

  References:
    Yu et al., Language Model Beats Diffusion: Tokenizer is Key to Visual
    Generation, 2023, section 3.1 (https://arxiv.org/abs/2310.05737); Zhao et
    al., Image and Video Tokenization with Binary Spherical Quantization, 2024
    (https://arxiv.org/abs/2406.07548).
  """

  def __init__(
    self,
    num_bits: int,
    commitment_cost: float = 0.25,
    entropy_weight: float = 1.0,
    **kwargs: Any,
  ):
    super().__init__(**kwargs)
    settings = {
      'num_bits': num_bits,
      'commitment_cost': commitment_cost,
      'entropy_weight': entropy_weight,
    }
    self._hold(modules.LookupFreeQuantizer, settings)


@_serializable
class ProductQuantizer(QuantizerLayer):
  """Cuts a vector into parts, each with a quantizer of its own.

      z_q(x) = [q_1(x_1), ..., q_M(x_M)] for x = [x_1, ..., x_M]

  Args:
    quantizers: layers of this package, one per part; D is the sum of their
      dimensions. Their weights become this layer's.
    **kwargs: as of `VectorQuantizer`; codebooks keep the dtype of their layer.

  Raises:
    ValueError: if there is no quantizer.

  References:
    Jegou et al., Product Quantization for Nearest Neighbor Search, 2011.
  """

  def __init__(self, quantizers: Sequence[QuantizerLayer], **kwargs: Any):
    super().__init__(**kwargs)
    self._hold(modules.ProductQuantizer, {'quantizers': quantizers})


@_serializable
class ResidualQuantizer(QuantizerLayer):
  """Quantizes a vector, then what is left of it, M times.

      r_1 = x, r_{m+1} = r_m - q_m(r_m), z_q(x) = sum_m q_m(r_m)
      loss = mean of the stages' losses

  Args:
    quantizers: layers of this package, the M stages, all of the same dimension
      D. Their weights become this layer's.
    dropout: share of the examples that in training use only the first n
      stages, n uniform in 1..M.
    estimator: of the gradient, 'straight_through' or 'rotation'; those of the
      stages are not used.
    seed: of the dropout.
    **kwargs: as of `VectorQuantizer`; codebooks keep the dtype of their layer.

  Raises:
    ValueError: if there is no quantizer, their dimensions differ, or dropout is
      not in [0, 1].

  References:
    Zeghidour et al., SoundStream: An End-to-End Neural Audio Codec, 2021,
    sections III.C and III.D (https://arxiv.org/abs/2107.03312).
  """

  def __init__(
    self,
    quantizers: Sequence[QuantizerLayer],
    dropout: float = 0.0,
    *,
    estimator: str = 'straight_through',
    seed: int = 0,
    **kwargs: Any,
  ):
    super().__init__(**kwargs)
    settings = {
      'quantizers': quantizers,
      'dropout': dropout,
      'estimator': estimator,
      'seed': seed,
    }
    self._hold(modules.ResidualQuantizer, settings)
