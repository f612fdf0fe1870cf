"""Configurations: frozen, nested, JSON, one flag per field.

This is the only place where a name becomes an object. A `Config` travels inside
the workdir; the command-line flags are derived from its fields, so that the two
cannot drift apart.
"""

import dataclasses
import difflib
import json
import math
from collections.abc import Iterable, Iterator
from typing import TypeVar

from vqvae_tf.datasets.names import NAMES
from vqvae_tf.errors import UserError

# A class of configurations.
_Sections = TypeVar('_Sections', bound='Sections')


def setting(default, help_text: str, choices=None, resume: bool = False):
  """A configuration field; `resume`: it may change when training goes on."""
  metadata = {'help': help_text, 'choices': choices, 'resume': resume}
  return dataclasses.field(default=default, metadata=metadata)


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
class Sections:
  """A configuration: sections of fields, and what was observed of the data.

  A field that is no section is an observation; its default has the type that
  it has when nothing was observed yet.
  """

  def __post_init__(self):
    for field, value in fields(self):
      _check(field, value)


@dataclasses.dataclass(frozen=True)
class Config(Sections):
  """Everything that makes a run.

  `image_shape` (H, W, C) and `class_names` are found in the data set when a run
  starts, so that a trained model can be rebuilt where the data is not.
  """

  data: DataConfig = DataConfig()
  network: NetworkConfig = NetworkConfig()
  quantizer: QuantizerConfig = QuantizerConfig()
  likelihood: LikelihoodConfig = LikelihoodConfig()
  optimizer: OptimizerConfig = OptimizerConfig()
  run: RunConfig = RunConfig()
  image_shape: tuple[int, int, int] | None = None
  class_names: tuple[str, ...] = ()


def fields(config: Sections) -> Iterator[tuple[dataclasses.Field, object]]:
  """Yields each field of each section with its value."""
  for _, part in _sections(config):
    for field in dataclasses.fields(part):
      yield field, getattr(part, field.name)


def observations(config: Sections) -> dict[str, object]:
  """Returns what is in no section, by name."""
  sections = dict(_sections(config))
  return {
    field.name: getattr(config, field.name)
    for field in dataclasses.fields(config)
    if field.name not in sections
  }


def replace(config: _Sections, **values) -> _Sections:
  """Returns `config` with fields replaced by name, whatever their section.

  Raises:
    UserError: for a name that no section has, or a value that does not fit.
  """
  sections = {}
  for section, part in _sections(config):
    names = {field.name for field in dataclasses.fields(part)}
    own = {name: values.pop(name) for name in names & values.keys()}
    sections[section] = dataclasses.replace(part, **own)
  for name in values:
    known = [field.name for field, _ in fields(config)]
    raise UserError(f'no setting is called {name!r}{nearest(name, known)}')
  return dataclasses.replace(config, **sections)


def command(config: Sections, name: str = 'bin/train') -> str:
  """Returns the command that trains this configuration."""
  defaults = fields(type(config)())
  flags = [
    f'--{field.name}={value}'
    for (field, value), (_, default) in zip(
      fields(config), defaults, strict=True
    )
    if value != default and field.name != 'data_dir'
  ]
  return ' '.join([name, *flags])


def to_json(config: Sections) -> str:
  """Returns the configuration as indented JSON."""
  return json.dumps(dataclasses.asdict(config), indent=2)


def from_json(text: str, kind: type[_Sections] = Config) -> _Sections:
  """Returns the configuration that `to_json` wrote.

  Args:
    text: the JSON.
    kind: the class of the configuration.

  Raises:
    UserError: for damaged JSON or unknown fields.
  """
  try:
    sections = json.loads(text)
    observed_values = {
      name: _observation(name, sections.pop(name), default)
      for name, default in observations(kind()).items()
    }
    flat = {k: v for part in sections.values() for k, v in part.items()}
  except (ValueError, AttributeError, KeyError, TypeError) as error:
    raise UserError(f'the configuration is damaged: {error!r}') from error
  return replace(kind(**observed_values), **flat)


def _observation(name, value, default):
  """Returns a value from JSON, which has lists in the place of tuples."""
  if isinstance(value, list):
    return tuple(value)
  if type(value) is not type(default):
    raise TypeError(f'{name}={value!r}')
  return value


def observed(config: Config, image_shape, class_names) -> Config:
  """Returns `config` with what the data set says of its images."""
  return dataclasses.replace(
    config, image_shape=tuple(image_shape), class_names=tuple(class_names)
  )


def check_resumable(
  old: Sections,
  new: Sections,
  where: str,
  way_out: str = 'name another --workdir',
) -> None:
  """Checks that a run may go on with other settings.

  Args:
    old: the configuration of the workdir.
    new: the one asked for now, of the same class.
    where: the workdir, for the message.
    way_out: what to do where those of now are wanted.

  Raises:
    UserError: naming the first field that differs and may not.
  """
  for (field, before), (_, after) in zip(fields(old), fields(new), strict=True):
    if before != after and not field.metadata['resume']:
      raise UserError(
        f'{where} was trained with --{field.name}={before}, not {after}: '
        f'leave that flag as it was, or {way_out}'
      )
  now = observations(new)
  for name, before in observations(old).items():
    if before != now[name]:
      raise UserError(
        f'{where} was trained on images with {name} {before}, not '
        f'{now[name]}: name the --data_dir of that run, or {way_out}'
      )


def nearest(name: str, known: Iterable[str]) -> str:
  """Returns ' (did you mean ...?)' for a mistyped name, or the whole list."""
  known = list(known)
  close = difflib.get_close_matches(name, known, n=1)
  if close:
    return f': did you mean {close[0]!r}?'
  return f': known are {", ".join(known)}'


def _sections(config: Sections) -> Iterator[tuple[str, object]]:
  for field in dataclasses.fields(config):
    part = getattr(config, field.name)
    if dataclasses.is_dataclass(part):
      yield field.name, part


def _check(field: dataclasses.Field, value) -> None:
  # A float may be written without a point; a bool is an int to Python only.
  types = (int, float) if field.type is float else (field.type,)
  if type(value) not in types:
    raise UserError(
      f'--{field.name}={value!r} must be of type {field.type.__name__}'
    )
  choices = field.metadata['choices']
  if choices and value not in choices:
    raise UserError(
      f'--{field.name}={value} is unknown{nearest(str(value), choices)}'
    )
  if field.name in ('decay', 'average_decay', 'dropout') and not 0 <= value < 1:
    raise UserError(f'--{field.name}={value} must be in [0, 1)')
  if isinstance(value, float) and not math.isfinite(value):
    raise UserError(f'--{field.name}={value} must be finite')
  may_be_zero = (
    'image_size',
    'scale',
    'stage_dropout',
    'decay_steps',
    'warmup_steps',
    'average_decay',
    'seed',
    'decay',
    'dropout',
    'patience',
  )
  if field.type in (int, float):
    if value < 0 or (value == 0 and field.name not in may_be_zero):
      raise UserError(f'--{field.name}={value} must be positive')
