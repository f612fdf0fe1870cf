"""Lookup-free quantization: one bit for each dimension, its sign."""

import tensorflow as tf

from vqvae_tf import replicas
from vqvae_tf.codes import checked_codes
from vqvae_tf.quantizers import arguments, incoming, quantizer

# The codebook entropy has a probability for each code.
_MAX_BITS = 18
# Of the probabilities behind the entropies. On CIFAR-10 colder ones used more
# of the codebook than 1 or 4.
_TEMPERATURE = 0.25


class LookupFreeQuantizer(quantizer.Quantizer):
  """Takes the sign of each dimension; an entropy keeps all codes in use.

      u = sqrt(D) z / |z|,  z_q = sign(u) in {-1, 1}^D
      code = sum_i 2^i [z_i > 0]
      loss = beta mean (u - sg[z_q])^2
             + gamma (E_u H(p(c|u)) - H(E_u p(c|u))) / D
      p(c|u) = softmax_c(-4 |u - c|^2), over all 2^D corners c; H in nats

  The sphere of u goes through the corners: what the straight-through gradient
  leaves out stays bounded, and no dimension can be decided by its length alone.
  The first entropy asks for decided bits, the second, that of the codes of the
  whole batch, for an even use of the codebook. p(c|u) is a product over
  dimensions, so its mean over N vectors is a matrix product of the
  probabilities of the lower and the upper half of the bits: the exact joint
  entropy for N 2^D multiplications, without an [N, 2^D] array.

  Args:
    num_bits: D, the dimension and the bits of a code, 2 to 18; for more bits
      put several into a `ProductQuantizer`.
    commitment_cost: beta.
    entropy_weight: gamma.
    name: of the module.

  Raises:
    ValueError: if a number is out of range.
    TypeError: if one is no number, or num_bits no whole one.

  Examples:
    >>> quantizer = vqvae_tf.LookupFreeQuantizer(num_bits=3)
    >>> codes = quantizer.encode(tf.constant([[0.5, -1.0, 2.0]]))
    >>> codes.numpy(), quantizer.decode(codes).numpy()
    (array([[5]], dtype=int32), array([[ 1., -1.,  1.]], dtype=float32))

  References:
    Yu et al., Language Model Beats Diffusion: Tokenizer is Key to Visual
    Generation, 2023, section 3.1 (https://arxiv.org/abs/2310.05737); the sphere
    is that of Zhao et al., Image and Video Tokenization with Binary Spherical
    Quantization, 2024 (https://arxiv.org/abs/2406.07548).
  """

  def __init__(
    self,
    num_bits: int,
    commitment_cost: float = 0.25,
    entropy_weight: float = 1.0,
    name: str = 'lookup_free_quantizer',
  ):
    super().__init__(name=name)
    num_bits = arguments.whole('num_bits', num_bits)
    # The sphere of one dimension is two points, which have no gradient.
    if not 2 <= num_bits <= _MAX_BITS:
      raise ValueError(
        f'num_bits must be in 2..{_MAX_BITS}, not {num_bits}: for more bits '
        'put several quantizers into a ProductQuantizer.'
      )
    self.embedding_dim = num_bits
    self.commitment_cost = arguments.real('commitment_cost', commitment_cost)
    self.entropy_weight = arguments.real('entropy_weight', entropy_weight)

  @property
  def codebook_sizes(self) -> tuple[int, ...]:
    return (2**self.embedding_dim,)

  def forward(
    self,
    inputs: tf.Tensor,
    is_training: bool | tf.Tensor,
    weights: tf.Tensor | None = None,
  ) -> quantizer.Quantized:
    inputs = incoming.as_vectors(inputs, self.embedding_dim)
    values, weights = incoming.full_precision(inputs, weights)
    finite = incoming.are_finite(values, weights)
    bits = _bits(values)
    corners = _corners(bits, values.dtype)
    points = self._on_sphere(values)
    commitment = quantizer.weighted_mean((points - corners) ** 2, weights)
    loss = (
      self.commitment_cost * commitment
      + self.entropy_weight * self._entropy_loss(points, weights)
    )
    estimate = quantizer.straight_through(points, corners)
    return quantizer.Quantized(
      tf.cast(estimate, inputs.dtype),
      quantizer.nan_unless(finite, loss),
      self._codes(bits),
      finite,
    )

  def encode(self, inputs: tf.Tensor) -> tf.Tensor:
    inputs = incoming.as_vectors(inputs, self.embedding_dim)
    incoming.check_finite(inputs)
    return self._codes(_bits(inputs))

  def decode(self, codes: tf.Tensor) -> tf.Tensor:
    codes = checked_codes(codes, self.codebook_sizes)
    return _corners(codes // 2 ** tf.range(self.embedding_dim) % 2, tf.float32)

  def _on_sphere(self, values):
    # Epsilon bounds the gradient of vectors near zero.
    directions = tf.math.l2_normalize(values, -1, epsilon=1e-4)
    return self.embedding_dim**0.5 * directions

  def _codes(self, bits):
    places = 2 ** tf.range(self.embedding_dim)
    return tf.reduce_sum(bits * places, -1, keepdims=True)

  def _entropy_loss(self, points, weights):
    """Returns (E_u H(p(c|u)) - H(E_u p(c|u))) / D, nats per bit."""
    # |u - c|^2 of the two corners differ by 4 u along each dimension.
    logits = 4.0 / _TEMPERATURE * tf.reshape(points, [-1, self.embedding_dim])
    on = tf.sigmoid(logits)
    entropies = tf.nn.softplus(logits) - logits * on
    if weights is None:
      weights = tf.ones_like(logits[:, 0])
    weights = tf.reshape(weights, [-1])
    mass = replicas.total(tf.reduce_sum(weights)) / replicas.count()
    shares = tf.math.divide_no_nan(weights, mass)[:, tf.newaxis]
    half = (self.embedding_dim + 1) // 2
    joint = tf.matmul(
      shares * _probabilities(on[:, :half]),
      _probabilities(on[:, half:]),
      transpose_a=True,
    )
    joint = replicas.total(joint) / replicas.count()
    tiny = tf.constant(1e-20, joint.dtype)
    joint_entropy = -tf.reduce_sum(joint * tf.math.log(joint + tiny))
    mean_entropy = tf.reduce_sum(shares * entropies)
    return (mean_entropy - joint_entropy) / self.embedding_dim


def _bits(values):
  return tf.cast(values > 0, tf.int32)


def _corners(bits, dtype):
  return tf.cast(2 * bits - 1, dtype)


def _probabilities(on):
  """Takes P(bit i) [N, B] to the probabilities of all codes, [N, 2^B]."""
  codes = tf.ones([tf.shape(on)[0], 1], on.dtype)
  for bit in tf.unstack(on[:, tf.newaxis], axis=-1):
    codes = tf.concat([codes * (1.0 - bit), codes * bit], 1)
  return codes
