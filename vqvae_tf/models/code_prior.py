"""The prior: p(z) of the codes of an example, each given the earlier ones."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import sonnet as snt
import tensorflow as tf

from vqvae_tf import noise
from vqvae_tf.codes import checked_codes
from vqvae_tf.models import blocks, drawing
from vqvae_tf.models.checks import check, kept_codes
from vqvae_tf.models.compilation import compiled
from vqvae_tf.nets import CausalNetwork

# The logit of a code that its codebook does not have; its mass is exactly zero,
# however low the logits of the others are.
_MISSING = tf.float32.min
# A temperature of 0 is taken for this: what is drawn is the likeliest code.
_COLDEST = 1e-6


class CodeBatch(NamedTuple):
  """Codes of a batch of examples.

  Attributes:
    codes: int32 `[B, ..., M]`.
    labels: int32 `[B]`; an unconditional prior ignores them.
  """

  codes: tf.Tensor
  labels: tf.Tensor


class PriorLosses(NamedTuple):
  """What training a prior on a batch gives.

  Attributes:
    loss: float scalar to minimize: mean nats per code.
    nats: float `[B]`, -log p(z), nats per example.
    codes: int32 `[B, ..., M]`.
  """

  loss: tf.Tensor
  nats: tf.Tensor
  codes: tf.Tensor


class CodePrior(snt.Module):
  """A product of conditionals over the codes of an example, in nats.

      log p(z) = sum_t log softmax(network(z_<t, label)_t)[z_t]

  over the positions of a grid in raster order and the M codebooks of each: a
  mass over the codes that a codebook has, in no order. All variables are made
  by the constructor.

  Args:
    network: M slots, as many outputs as the largest codebook has codes.
    codebook_sizes: K_m of each of the M codebooks.
    grid: of positions, (h, w) or another that the network takes.
    num_classes: of the labels that the codes are given; 0: they are given none.
    feature_size: of the learned features of a code.
    context_size: of the learned features of a position, to which those of the
      label are added.

  Raises:
    ValueError: if the network has other slots or outputs, or takes no such
      grid.
  """

  def __init__(
    self,
    network: CausalNetwork,
    codebook_sizes: Sequence[int],
    grid: tuple[int, ...],
    num_classes: int = 0,
    feature_size: int = 32,
    context_size: int = 32,
    name: str = 'code_prior',
  ):
    super().__init__(name=name)
    sizes = tuple(codebook_sizes)
    if (network.num_slots, network.num_outputs) != (len(sizes), max(sizes)):
      raise ValueError(
        f'a network for codebooks of {sizes} codes needs {len(sizes)} slots '
        f'and {max(sizes)} outputs, not {network.num_slots} and '
        f'{network.num_outputs}.'
      )
    self.network = network
    self.codebook_sizes = sizes
    self.grid = tuple(grid)
    self.num_classes = num_classes
    # Of all codebooks, one after the other.
    self._codes = _table([sum(sizes), feature_size], 'codes')
    self._positions = _table([*grid, context_size], 'positions')
    if num_classes:
      self._labels = _table([num_classes, context_size], 'labels')
    # A checkpoint must find all variables.
    self._nats(
      tf.zeros([1, *grid, len(sizes)], tf.int32), tf.zeros([1], tf.int32)
    )
    self._draw = compiled(self._draw_all)
    self._quick_nats = compiled(self._nats_by_blocks)
    # Op by op from Python they would take longer than the codes of 8x8.
    self._drawn_labels = tf.function(self._random_labels, autograph=False)

  # What training averages of `losses`; it counts no codes, which are data.
  statistics = ('loss', 'nats')
  counted_codebooks = ()

  @property
  def weights(self) -> list[tf.Variable]:
    """What is trained."""
    return list(self.trainable_variables)

  @property
  def matrices(self) -> list[tf.Variable]:
    """Those of the weights that are matrices to an optimizer: see `Muon`.

    What has a row or a column for each code, label or position is none: each
    row goes its own way.
    """
    labels = [self._labels] if self.num_classes else []
    tables = [self._codes, self._positions, *labels]
    others = {id(table) for table in tables + self.network.output_weights}
    return [w for w in self.weights if w.shape.rank > 1 and id(w) not in others]

  def losses(self, batch: CodeBatch, is_training: bool) -> PriorLosses:
    """Returns the loss of a batch, in nats per code.

    loss = -log p(z) / (N M), N positions, averaged over the batch.

    Args:
      batch: codes and labels.
      is_training: whether there is dropout.

    Returns:
      `PriorLosses`.

    Raises:
      ValueError, InvalidArgumentError: as `nats` does.
    """
    codes, labels = self._checked(batch.codes, batch.labels)
    nats = self._nats(codes, labels, is_training)
    return PriorLosses(tf.reduce_mean(nats), _total(nats), codes)

  def nats(
    self, codes: tf.Tensor, labels: tf.Tensor | None = None
  ) -> tf.Tensor:
    """Returns -log p(code | earlier codes, label) of each code, in nats.

    Args:
      codes: int32 `[B, ..., M]`.
      labels: int32 `[B]`; an unconditional prior needs none.

    Returns:
      float32 `[B, ..., M]`.

    Raises:
      ValueError: if the codes do not fit the grid, or labels are missing or,
        where their values are known, out of range.
      InvalidArgumentError: if a code is out of range; XLA drops this check.
    """
    return self._nats(*self._checked(codes, labels))

  def marginal_nats(self, codes: tf.Tensor) -> tf.Tensor:
    """Returns -log p(codes) in nats, whatever the label is.

        p(z) = sum_y p(y) p(z | y),  p(y) = 1 / num_classes

    Args:
      codes: int32 `[B, ..., M]`.

    Returns:
      float32 `[B]`; of an unconditional prior the sum of `nats`.

    Raises:
      ValueError, InvalidArgumentError: as `nats` does.
    """
    labels = tf.zeros(tf.shape(codes)[:1], tf.int32)
    codes, labels = self._checked(codes, labels)
    slots = self._slots(codes)

    def add(label, total):
      outputs = self.network(slots, self._context(labels + label))
      nats = _total(self._code_nats(outputs, codes, blocks.log_sum_exp))
      return label + 1, tf.reduce_logsumexp(tf.stack([total, -nats]), 0)

    # One label at a time: the memory of one pass, and a short graph.
    count = max(self.num_classes, 1)
    start = tf.constant(0), tf.zeros_like(labels, tf.float32) - math.inf
    _, total = tf.while_loop(
      lambda label, _: label < count, add, start, parallel_iterations=1
    )
    return math.log(count) - total

  def example_nats(
    self, codes: tf.Tensor, labels: tf.Tensor | None = None
  ) -> tf.Tensor:
    """Returns -log p(codes | label) in nats, to evaluate many examples.

    The sums of `nats` up to rounding, the logits of a few cells at a time; XLA
    compiles it for each B.

    Args:
      codes: int32 `[B, ..., M]`.
      labels: int32 `[B]`; an unconditional prior needs none.

    Returns:
      float32 `[B]`, which has no gradient.

    Raises:
      ValueError, InvalidArgumentError: as `nats` does.
    """
    return self._quick_nats(*self._checked(codes, labels))

  def sample(
    self,
    labels: tf.Tensor | int,
    seed: tf.Tensor,
    temperature: tf.Tensor | float = 1.0,
    top_p: tf.Tensor | float = 1.0,
    given: tf.Tensor | None = None,
    mask: tf.Tensor | None = None,
    jit_compile: bool = True,
  ) -> tf.Tensor:
    """Draws codes, or those that a mask leaves open, in one compiled loop.

    Each code is drawn from softmax(logits / temperature), of which `top_p` < 1
    leaves the likeliest codes: the fewest whose mass is at least `top_p`.

    Args:
      labels: int32 `[B]`; or a number B of examples, whose labels a
        conditional prior draws, too.
      seed: int32 `[2]`. The same call draws the same codes, which for another B
        or on another device are others.
      temperature: float scalar, at least 0; 0 takes the likeliest code.
      top_p: float scalar in (0, 1].
      given: int32 `[B or 1, ..., M]`, codes to keep.
      mask: bool `[B or 1, ...]` or `[B or 1, ..., M]`, which are kept; what is
        drawn after them has seen them.
      jit_compile: whether XLA compiles the loop, anew for each B.

    Returns:
      int32 `[B, ..., M]`.

    Raises:
      ValueError: if, where their values are known, labels, temperature or top_p
        are out of range; or one of `given` and `mask` is missing or of another
        shape.
      InvalidArgumentError: if a code that is kept is out of range.
    """
    seed = tf.cast(seed, tf.int32)
    labels = self._sampled_labels(labels, seed)
    check('temperature', temperature, 'at least 0', lambda t: t >= 0)
    check('top_p', top_p, 'in (0, 1]', lambda p: 0 < p <= 1)
    batch = labels.shape[0] or tf.shape(labels)[0]
    shape = [batch, *self.grid, len(self.codebook_sizes)]
    kept = kept_codes(given, mask, shape, self.codebook_sizes)
    temperature = tf.cast(temperature, tf.float32)
    top_p = tf.cast(top_p, tf.float32)
    draw = self._draw if jit_compile else self._draw_all
    return draw(labels, seed, temperature, top_p, *kept)

  def _draw_all(self, labels, seed, temperature, top_p, given, mask):
    num_codebooks = len(self.codebook_sizes)
    shape = [-1, math.prod(self.grid), num_codebooks]
    given, mask = tf.reshape(given, shape), tf.reshape(mask, shape)

    def draw(outputs, index, m):
      # Before the logits of missing codes, which no temperature may raise.
      outputs /= tf.maximum(temperature, _COLDEST)
      logits = self._logits(outputs, tf.constant(self.codebook_sizes[m]))
      masses = tf.nn.softmax(logits)
      place = index * num_codebooks + m
      own = tf.random.fold_in(seed, place, alg=noise.ALGORITHM)
      drawn = drawing.draw(drawing.nucleus(masses, top_p), own)
      codes = tf.where(mask[:, index, m], given[:, index, m], drawn)
      return self._features(codes, m), codes[:, tf.newaxis]

    features = self._codes.shape[-1]
    codes = self.network.generate(self._context(labels), features, draw)
    return codes[..., 0]

  def _nats(self, codes, labels, is_training=False):
    context = self._context(labels)
    outputs = self.network(self._slots(codes), context, is_training)
    logits = self._logits(outputs, tf.constant(self.codebook_sizes))
    return tf.nn.sparse_softmax_cross_entropy_with_logits(codes, logits)

  def _nats_by_blocks(self, codes, labels):
    slots = self._slots(codes)
    features = self.network.features(slots, self._context(labels))
    if features is None:
      return _total(self._nats(codes, labels))
    cells = [
      tf.reshape(part, [-1, *part.shape[len(self.grid) + 1 :]])
      for part in (features, slots, codes)
    ]

    def by(log_sum_exp):
      def nats(features, slots, codes):
        outputs = self.network.outputs(features, slots)
        return _total(self._code_nats(outputs, codes, log_sum_exp))

      found = tf.reshape(blocks.by_blocks(nats, *cells), [codes.shape[0], -1])
      return tf.reduce_sum(found, 1)

    quick = by(blocks.quick_log_sum_exp)
    is_fine = tf.reduce_all(tf.math.is_finite(quick))
    return tf.cond(is_fine, lambda: quick, lambda: by(blocks.log_sum_exp))

  def _code_nats(self, outputs, codes, log_sum_exp):
    """Returns nats of codes [..., M], outputs [..., M, P], for no gradient."""
    logits = self._logits(outputs, tf.constant(self.codebook_sizes))
    own = tf.gather(logits, codes, batch_dims=codes.shape.rank)
    return log_sum_exp(logits) - own

  def _slots(self, codes):
    return self._features(codes, range(len(self.codebook_sizes)))

  def _logits(self, outputs, sizes):
    """Takes outputs [..., P] of codebooks of sizes [...] to logits."""
    if min(self.codebook_sizes) == max(self.codebook_sizes):
      return outputs
    exists = tf.range(outputs.shape[-1]) < sizes[..., tf.newaxis]
    return tf.where(exists, outputs, _MISSING)

  def _features(self, codes, codebooks):
    """Returns what codes [...] of codebooks, broadcast, tell the network."""
    first = tf.cumsum(self.codebook_sizes, exclusive=True)
    # The gradient of a product is dense, as the optimizers want it.
    table = 1.0 * self._codes
    return tf.gather(table, codes + tf.gather(first, codebooks))

  def _context(self, labels):
    """Returns what labels [B] and positions tell the network, [B, ..., E]."""
    if self.num_classes:
      told = tf.gather(1.0 * self._labels, labels)
    else:
      told = tf.zeros_like(labels, tf.float32)[:, tf.newaxis]
    axes = [1] * len(self.grid)
    return self._positions + tf.reshape(told, [-1, *axes, told.shape[-1]])

  def _checked(self, codes, labels):
    """Returns both as int32; labels of zero where there is no need of any.

    Raises:
      ValueError, InvalidArgumentError: as `nats` does.
    """
    codes = checked_codes(codes, self.codebook_sizes)
    if tuple(codes.shape[1:-1]) != self.grid:
      sizes = ', '.join(map(str, (*self.grid, len(self.codebook_sizes))))
      raise ValueError(
        f'the prior is over a grid of {self.grid} positions: give codes '
        f'[B, {sizes}], not {codes.shape}.'
      )
    if not self.num_classes:
      return codes, tf.zeros(tf.shape(codes)[:1], tf.int32)
    if labels is None:
      raise ValueError(
        'this prior is conditional: give labels [B], or ask for marginal_nats.'
      )
    return codes, self._checked_labels(labels)

  def _checked_labels(self, labels):
    last = self.num_classes - 1
    check('labels', labels, f'in 0..{last}', lambda y: 0 <= y <= last)
    return tf.cast(labels, tf.int32)

  def _sampled_labels(self, labels, seed):
    """Takes labels [B], or B, to labels [B]."""
    labels = tf.convert_to_tensor(labels)
    if labels.shape.rank == 0:
      drawn = self._drawn_labels(labels, seed)
      return tf.ensure_shape(drawn, [tf.get_static_value(labels)])
    if self.num_classes:
      return self._checked_labels(labels)
    return tf.zeros_like(labels, tf.int32)

  def _random_labels(self, count, seed):
    # Apart from the seeds of the codes, which are folded in from 0 on.
    own = tf.random.fold_in(seed, -1, alg=noise.ALGORITHM)
    most = max(self.num_classes, 1)
    return tf.random.stateless_uniform(
      count[tf.newaxis], own, 0, most, tf.int32, alg=noise.ALGORITHM
    )


def _total(nats):
  """Takes nats [B, ...] to those of each example, [B]."""
  return tf.reduce_sum(nats, range(1, nats.shape.rank))


def _table(shape, name):
  # Of unit variance, which the networks expect of what they are given.
  values = snt.initializers.RandomNormal()(shape, tf.float32)
  return tf.Variable(values, name=name)
