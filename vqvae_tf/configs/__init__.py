"""Configurations: plain data, which load nothing."""

from vqvae_tf.configs.model import (
  Config,
  DataConfig,
  LikelihoodConfig,
  NetworkConfig,
  OptimizerConfig,
  QuantizerConfig,
  RunConfig,
  observed,
)
from vqvae_tf.configs.prior import (
  PriorConfig,
  PriorNetworkConfig,
  PriorRunConfig,
)
from vqvae_tf.configs.sections import (
  Sections,
  check_resumable,
  command,
  fields,
  from_json,
  nearest,
  observations,
  replace,
  setting,
  to_json,
)

__all__ = [
  'Config',
  'DataConfig',
  'LikelihoodConfig',
  'NetworkConfig',
  'OptimizerConfig',
  'PriorConfig',
  'PriorNetworkConfig',
  'PriorRunConfig',
  'QuantizerConfig',
  'RunConfig',
  'Sections',
  'check_resumable',
  'command',
  'fields',
  'from_json',
  'nearest',
  'observations',
  'observed',
  'replace',
  'setting',
  'to_json',
]
