"""The configuration of a prior over the codes of a trained model."""

import dataclasses
import math

from vqvae_tf.configs.model import (
  BELOW_ONE,
  DEPTH,
  STEPS_OR_NONE,
  WIDTH,
  OptimizerConfig,
  RunConfig,
)
from vqvae_tf.configs.sections import Sections
from vqvae_tf.configs.settings import setting

# What a model has use for and a prior has not.
UNUSED = ('quantizer_weight', 'precision', 'distribute')


@dataclasses.dataclass(frozen=True)
class PriorNetworkConfig:
  """p(z)."""

  network: str = setting(
    'gated_pixelcnn',
    'kind of causal network',
    ('gated_pixelcnn', 'transformer', 'wavenet'),
  )
  num_hiddens: int = setting(64, 'channels of the network', within=WIDTH)
  num_layers: int = setting(
    6,
    'layers of the network; wavenet sees 2^layers positions back',
    within=DEPTH,
  )
  dropout: float = setting(
    0.1,
    'share of the activations that are left out in training',
    within=BELOW_ONE,
  )
  conditional: bool = setting(
    True, 'the prior is given the class of an image, where the data has classes'
  )


@dataclasses.dataclass(frozen=True)
class PriorRunConfig(RunConfig):
  """How long a prior is trained; all may change on resume."""

  patience: int = setting(
    5,
    'validations without a better one after which training ends; 0: it does '
    'not',
    within=STEPS_OR_NONE,
    resume=True,
  )


@dataclasses.dataclass(frozen=True)
class PriorConfig(Sections):
  """Everything that makes a prior.

  What follows the sections is found in the codes when a run starts: `grid`, of
  an image (h, w), and `codebook_sizes` of the codes, `num_dims` of an example,
  of an image H W C, and `class_names` of the data set, and the `fingerprint` of
  the checkpoint that made the codes.
  """

  network: PriorNetworkConfig = PriorNetworkConfig()
  # The averaged weights stand in for a decay of the rate, whose length one
  # would have to know before. Small batches and a high rate learn most in
  # minutes: so it was with a causal network over pixels.
  optimizer: OptimizerConfig = OptimizerConfig(
    batch_size=32,
    optimizer='muon',
    learning_rate=2e-3,
    warmup_steps=200,
    average_decay=0.999,
  )
  run: PriorRunConfig = PriorRunConfig(steps=10_000, evaluate_every=500)
  grid: tuple[int, ...] | None = None
  codebook_sizes: tuple[int, ...] = ()
  num_dims: int = 0
  class_names: tuple[str, ...] = ()
  fingerprint: str = ''

  @property
  def num_classes(self) -> int:
    """Classes that the prior is given one of; 0: it is given none."""
    count = len(self.class_names)
    return count if self.network.conditional and count > 1 else 0

  @property
  def code_shape(self) -> tuple[int, ...]:
    """`[..., M]`, of an image (h, w, M).

    Raises:
      ValueError: before it is known.
    """
    if self.grid is None:
      raise ValueError('the grid of the codes is not known yet')
    return (*self.grid, len(self.codebook_sizes))

  @property
  def num_codes(self) -> int:
    """How many codes an example has; of an image h w M."""
    return math.prod(self.code_shape)
