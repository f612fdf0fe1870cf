"""The configuration of a model and of the run that trains it."""

import dataclasses

from vqvae_tf.configs.sections import Sections, setting
from vqvae_tf.datasets.names import NAMES


@dataclasses.dataclass(frozen=True)
class DataConfig:
  """Which images."""

  dataset: str = setting('mnist', 'data set', NAMES)
  data_dir: str = setting(
    '',
    'folder of the original IDX or CIFAR-10 binary files, of image class '
    'folders, or of prepared tensorflow-datasets',
    resume=True,
  )
  image_size: int = setting(
    0, 'height and width for --dataset=image_folder, in pixels'
  )
  flip: bool = setting(
    False, 'half of the training images, drawn anew each time, are mirrored'
  )


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
  """Encoder and decoder."""

  num_hiddens: int = setting(128, 'channels of encoder and decoder')
  num_residual_layers: int = setting(2, 'residual blocks in each')
  num_residual_hiddens: int = setting(32, 'channels inside a residual block')
  num_halvings: int = setting(2, 'strided convolutions: each halves the image')


@dataclasses.dataclass(frozen=True)
class QuantizerConfig:
  """The bottleneck."""

  quantizer: str = setting(
    'ema',
    'kind of bottleneck',
    (
      'ema',
      'gradient',
      'product',
      'residual',
      'finite_scalar',
      'lookup_free',
      'cosine',
    ),
  )
  embedding_dim: int = setting(
    64, 'dimensions D of an embedding (not finite_scalar, lookup_free)'
  )
  num_embeddings: int = setting(
    512, 'size K of each codebook (not finite_scalar)'
  )
  num_codebooks: int = setting(4, 'codes M per position (product, residual)')
  levels: str = setting('8,8,8', 'levels of each dimension (finite_scalar)')
  projection_dim: int = setting(8, 'dimensions of the codes (cosine)')
  stage_dropout: float = setting(
    0.0, 'share of images that train on a part of the stages (residual)'
  )
  estimator: str = setting(
    'straight_through',
    'gradient through the codebook (not finite_scalar, lookup_free)',
    ('straight_through', 'rotation'),
  )
  commitment_cost: float = setting(0.25, 'beta, the commitment weight')
  decay: float = setting(
    0.99, 'decay of the moving averages (ema, product, residual, cosine)'
  )
  initialization: str = setting(
    'kmeans++',
    'where the codebook starts',
    ('variance_scaling', 'data', 'kmeans++'),
  )
  unused_codes: str = setting(
    'restart', 'what becomes of unused codes', ('sonnet', 'keep', 'restart')
  )


@dataclasses.dataclass(frozen=True)
class LikelihoodConfig:
  """p(x | z)."""

  likelihood: str = setting(
    'logistic_mixture',
    'distribution of a pixel',
    ('logistic_mixture', 'normal', 'categorical', 'bernoulli'),
  )
  num_mixtures: int = setting(5, 'components of logistic_mixture')
  scale: float = setting(
    0.0, 'standard deviation of normal, in units of 255; 0 learns it'
  )
  decoder: str = setting(
    'factorized',
    'what a pixel depends on beside the codes: nothing, or earlier pixels',
    ('factorized', 'autoregressive'),
  )
  block_size: int = setting(
    2, 'side of the pixel blocks that are the cells of autoregressive'
  )
  causal_hiddens: int = setting(64, 'channels of the causal network')
  causal_layers: int = setting(
    6, 'layers of the causal network: each sees a block further'
  )


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
  """How the model is fitted."""

  batch_size: int = setting(32, 'images per step, of all devices')
  optimizer: str = setting(
    'adam',
    'rule of a step: adam, or muon for weights and adam for the rest',
    ('adam', 'muon'),
  )
  learning_rate: float = setting(3e-4, 'learning rate')
  decay_steps: int = setting(
    0, 'steps of a cosine decay of the learning rate to 1 %; 0: constant'
  )
  warmup_steps: int = setting(
    0, 'first steps, in which the learning rate rises linearly; 0: none'
  )
  average_decay: float = setting(
    0.0,
    'decay of the average of the weights (not of codebooks), which is '
    'evaluated and exported in their place; 0: none',
  )
  quantizer_weight: float = setting(
    1.0, "weight of the quantizer's loss beside the nats per dimension"
  )
  precision: str = setting(
    'float32',
    'in which encoder and decoder are trained (a causal network is not); they '
    'are evaluated in float32',
    ('float32', 'mixed_bfloat16', 'mixed_float16'),
  )
  seed: int = setting(0, 'seed of weights, batches and restarts')


@dataclasses.dataclass(frozen=True)
class RunConfig:
  """How long, and how often what is written; all may change on resume."""

  steps: int = setting(10_000, 'training steps in all', resume=True)
  evaluate_every: int = setting(
    1_000, 'steps between validations (and checkpoints)', resume=True
  )
  log_every: int = setting(100, 'steps between log entries', resume=True)
  distribute: str = setting(
    'none',
    'devices that share each batch: one, those of this machine, or those of '
    'the machines in TF_CONFIG',
    ('none', 'mirrored', 'multi_worker'),
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
  def example_shape(self) -> tuple[int, ...] | None:
    """`[..., C]`, of an image (H, W, C); None before it is known."""
    return self.image_shape


def observed(config: Config, example_shape, class_names) -> Config:
  """Returns `config` with what the data set says of its examples."""
  return dataclasses.replace(
    config, image_shape=tuple(example_shape), class_names=tuple(class_names)
  )
