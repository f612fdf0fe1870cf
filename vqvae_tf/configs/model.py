"""The configuration of a model and of the run that trains it."""

import dataclasses
from collections.abc import Iterable

from vqvae_tf.configs.sections import Sections
from vqvae_tf.configs.settings import Kinds, Range, setting
from vqvae_tf.datasets.names import (
  ARRAYS,
  DIGITS_RATE,
  NAMES,
  SOUNDS,
  TFDS,
)
from vqvae_tf.errors import UserError

# The bounds from above refuse what no machine holds: a mistyped number is
# better told so than out of memory.
WIDTH = Range(1, 65_536)
DEPTH = Range(1, 1_000)
STEPS = Range(1, 10**9)
STEPS_OR_NONE = Range(0, 10**9)
BELOW_ONE = Range(0, 1, open_high=True)
# In float32 no more than rounded.
_POSITIVE = Range(0, 1e30, open_low=True)

_LEARNED = ('ema', 'gradient', 'product', 'residual', 'cosine')
_QUANTIZERS = (*_LEARNED, 'finite_scalar', 'lookup_free')
_WITH_CODEBOOK = Kinds('quantizer', _LEARNED)
_WITH_LOSS = Kinds('quantizer', (*_LEARNED, 'lookup_free'))
_AUTOREGRESSIVE = Kinds('decoder', ('autoregressive',))


@dataclasses.dataclass(frozen=True)
class DataConfig:
  """Which examples."""

  dataset: str = setting('mnist', 'data set', (*NAMES, TFDS, ARRAYS))
  data_dir: str = setting(
    '',
    'folder of the original IDX or CIFAR-10 binary files, of image class '
    'folders, of sounds, or of prepared tensorflow-datasets',
    only=Kinds(
      'dataset', (*(name for name in NAMES if name != 'digits'), TFDS)
    ),
    resume=True,
  )
  image_size: int = setting(
    0,
    'height and width that images are given, in pixels; 0: they keep theirs, '
    'which in a folder they cannot',
    within=Range(0, 16_384),
    only=Kinds('dataset', ('image_folder', TFDS)),
  )
  split: str = setting(
    '',
    'its parts as train=PART,validation=PART,test=PART, with parts as '
    'train[:90%]; without it theirs of these names, and the last tenth of '
    'train for what is missing',
    only=Kinds('dataset', (TFDS,)),
  )
  sample_rate: int = setting(
    0,
    'samples per second that sounds are given, in Hz; 0: those of the set',
    within=Range(0, 192_000),
    only=Kinds('dataset', SOUNDS),
  )
  length: int = setting(
    2_048,
    'samples of an example: recordings are cut, at random in training',
    within=Range(1, 2**24),
    only=Kinds('dataset', SOUNDS),
  )
  flip: bool = setting(
    False, 'half of the training images, drawn anew each time, are mirrored'
  )

  @property
  def rate(self) -> int:
    """Samples per second of sounds, in Hz."""
    return self.sample_rate or DIGITS_RATE


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
  """Encoder and decoder."""

  num_hiddens: int = setting(
    128, 'channels of encoder and decoder', within=WIDTH
  )
  num_residual_layers: int = setting(2, 'residual blocks in each', within=DEPTH)
  num_residual_hiddens: int = setting(
    32, 'channels inside a residual block', within=WIDTH
  )
  num_halvings: int = setting(
    2, 'strided convolutions: each halves the image', within=Range(1, 16)
  )


@dataclasses.dataclass(frozen=True)
class QuantizerConfig:
  """The bottleneck."""

  quantizer: str = setting('ema', 'kind of bottleneck', _QUANTIZERS)
  embedding_dim: int = setting(
    64, 'dimensions D of an embedding', within=WIDTH, only=_WITH_CODEBOOK
  )
  num_embeddings: int = setting(
    512, 'size K of each codebook', within=Range(1, 2**24), only=_WITH_LOSS
  )
  num_codebooks: int = setting(
    4,
    'codes M per position',
    within=Range(1, 1_024),
    only=Kinds('quantizer', ('product', 'residual')),
  )
  levels: str = setting(
    '8,8,8',
    'levels of each dimension',
    only=Kinds('quantizer', ('finite_scalar',)),
  )
  projection_dim: int = setting(
    8,
    'dimensions of the codes',
    within=WIDTH,
    only=Kinds('quantizer', ('cosine',)),
  )
  stage_dropout: float = setting(
    0.0,
    'share of images that train on a part of the stages',
    within=Range(0, 1),
    only=Kinds('quantizer', ('residual',)),
  )
  estimator: str = setting(
    'straight_through',
    'gradient through the codebook',
    ('straight_through', 'rotation'),
    only=_WITH_CODEBOOK,
  )
  commitment_cost: float = setting(
    0.25, 'beta, the commitment weight', within=_POSITIVE, only=_WITH_LOSS
  )
  decay: float = setting(
    0.99,
    'decay of the moving averages',
    within=BELOW_ONE,
    only=Kinds('quantizer', ('ema', 'product', 'residual', 'cosine')),
  )
  initialization: str = setting(
    'kmeans++',
    'where the codebook starts',
    ('variance_scaling', 'data', 'kmeans++'),
    only=_WITH_CODEBOOK,
  )
  unused_codes: str = setting(
    'restart',
    'what becomes of unused codes',
    ('sonnet', 'keep', 'restart'),
    only=_WITH_CODEBOOK,
  )

  @property
  def has_codebook(self) -> bool:
    """Whether the vectors of the codes are learned, and not fixed."""
    return self.quantizer in _LEARNED


@dataclasses.dataclass(frozen=True)
class LikelihoodConfig:
  """p(x | z)."""

  likelihood: str = setting(
    'logistic_mixture',
    'distribution of a pixel',
    ('logistic_mixture', 'normal', 'categorical', 'bernoulli'),
  )
  num_mixtures: int = setting(
    5,
    'components of the mixture',
    within=Range(1, 1_000),
    only=Kinds('likelihood', ('logistic_mixture',)),
  )
  scale: float = setting(
    0.0,
    'standard deviation, in units of 255; 0 learns it',
    within=Range(0, 1e30),
    only=Kinds('likelihood', ('normal',)),
  )
  decoder: str = setting(
    'factorized',
    'what a pixel depends on beside the codes: nothing, or earlier pixels',
    ('factorized', 'autoregressive'),
  )
  block_size: int = setting(
    2,
    'side of the pixel blocks that are its cells',
    within=Range(1, 64),
    only=_AUTOREGRESSIVE,
  )
  causal_hiddens: int = setting(
    64, 'channels of the causal network', within=WIDTH, only=_AUTOREGRESSIVE
  )
  causal_layers: int = setting(
    6,
    'layers of the causal network: each sees a block further',
    within=DEPTH,
    only=_AUTOREGRESSIVE,
  )

  @property
  def is_autoregressive(self) -> bool:
    """Whether the decoder draws pixels one after the other."""
    return self.decoder == 'autoregressive'


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
  """How the model is fitted."""

  batch_size: int = setting(
    32, 'images per step, of all devices', within=Range(1, 2**20)
  )
  accumulation_steps: int = setting(
    1,
    'equal parts of a batch, taken one after the other, whose gradients are '
    'averaged: the same step in less memory',
    within=Range(1, 2**20),
  )
  optimizer: str = setting(
    'adam',
    'rule of a step: adam, or muon for weights and adam for the rest',
    ('adam', 'muon'),
  )
  learning_rate: float = setting(3e-4, 'learning rate', within=_POSITIVE)
  decay_steps: int = setting(
    0,
    'steps in which the learning rate falls to 1 %; 0: it is constant',
    within=STEPS_OR_NONE,
  )
  schedule: str = setting(
    'cosine',
    'how it falls in --decay_steps: as a cosine, and then stays, or '
    'exponentially, and then goes on',
    ('cosine', 'exponential'),
  )
  warmup_steps: int = setting(
    0,
    'first steps, in which the learning rate rises linearly; 0: none',
    within=STEPS_OR_NONE,
  )
  clip_norm: float = setting(
    0.0,
    'norm of all gradients together from which on they are scaled down to it; '
    '0: never',
    within=Range(0, 1e30),
  )
  average_decay: float = setting(
    0.0,
    'decay of the average of the weights (not of codebooks), which is '
    'evaluated and exported in their place; 0: none',
    within=BELOW_ONE,
  )
  quantizer_weight: float = setting(
    1.0,
    "weight of the quantizer's loss beside the nats per dimension",
    within=_POSITIVE,
    only=_WITH_LOSS,
  )
  precision: str = setting(
    'float32',
    'in which encoder and decoder are trained (a causal network is not); they '
    'are evaluated in float32',
    ('float32', 'mixed_bfloat16', 'mixed_float16'),
  )
  # Stages of a quantizer count on from it, in 64 bits.
  seed: int = setting(
    0, 'seed of weights, batches and restarts', within=Range(0, 2**62)
  )


@dataclasses.dataclass(frozen=True)
class RunConfig:
  """How long, and how often what is written; all may change on resume."""

  steps: int = setting(
    10_000, 'training steps in all', within=STEPS, resume=True
  )
  evaluate_every: int = setting(
    1_000,
    'steps between validations (and checkpoints)',
    within=STEPS,
    resume=True,
  )
  log_every: int = setting(
    100, 'steps between log entries', within=STEPS, resume=True
  )
  distribute: str = setting(
    'none',
    'devices that share each batch: one, those of this machine, or those of '
    'the machines in TF_CONFIG',
    ('none', 'mirrored', 'multi_worker'),
    resume=True,
  )
  compile: str = setting(
    'auto',
    "how a step is compiled: as a graph whose convolutions are oneDNN's or a "
    "GPU's, whole under XLA, or the faster one, which a run of more than five "
    'minutes measures at its start and keeps',
    ('auto', 'graph', 'xla'),
    resume=True,
  )


@dataclasses.dataclass(frozen=True)
class Config(Sections):
  """Everything that makes a run.

  `image_shape`, the shape of an example, and `class_names` are found in the
  data set when a run starts, so that a trained model can be rebuilt where the
  data is not. What is on disk has it by that name: read it as `example_shape`.
  """

  data: DataConfig = DataConfig()
  network: NetworkConfig = NetworkConfig()
  quantizer: QuantizerConfig = QuantizerConfig()
  likelihood: LikelihoodConfig = LikelihoodConfig()
  optimizer: OptimizerConfig = OptimizerConfig()
  run: RunConfig = RunConfig()
  image_shape: tuple[int, ...] | None = None
  class_names: tuple[str, ...] = ()

  @property
  def example_shape(self) -> tuple[int, ...]:
    """`[..., C]`, of an image (H, W, C).

    Raises:
      ValueError: before it is known.
    """
    if self.image_shape is None:
      raise ValueError('the shape of the examples is not known yet')
    return self.image_shape

  def check_shape(self, origin: str, name: str, shape: tuple[int, ...]) -> None:
    """Checks that examples are of the shape that the model was made for.

    Args:
      origin: what to call the model.
      name: what to call the examples.
      shape: theirs, `[..., C]`.

    Raises:
      UserError: if they are of another.
    """
    if tuple(shape) != self.image_shape:
      raise UserError(
        f'{origin} takes images {self.image_shape}, but {name} has '
        f'{tuple(shape)}'
      )


def observed(
  config: Config, example_shape: Iterable[int], class_names: Iterable[str]
) -> Config:
  """Returns `config` with what the data set says of its examples."""
  return dataclasses.replace(
    config, image_shape=tuple(example_shape), class_names=tuple(class_names)
  )
