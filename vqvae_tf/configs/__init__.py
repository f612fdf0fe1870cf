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
  counts,
  effective,
  fields,
  from_json,
  from_values,
  observations,
  replace,
  to_json,
)
from vqvae_tf.configs.settings import Kinds, Range, described, nearest, setting

__all__ = [
  'Config',
  'DataConfig',
  'Kinds',
  'LikelihoodConfig',
  'NetworkConfig',
  'OptimizerConfig',
  'PriorConfig',
  'PriorNetworkConfig',
  'PriorRunConfig',
  'QuantizerConfig',
  'Range',
  'RunConfig',
  'Sections',
  'check_resumable',
  'command',
  'counts',
  'described',
  'effective',
  'fields',
  'from_json',
  'from_values',
  'nearest',
  'observations',
  'observed',
  'replace',
  'setting',
  'to_json',
]
