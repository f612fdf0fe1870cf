"""What codes cost under a prior, and under the baselines of every prior."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from vqvae_tf import bits, build, metrics, trained
from vqvae_tf.checkpoints import PriorWorkdir
from vqvae_tf.code_cache import Codes, CodeSource
from vqvae_tf.datasets import pipeline
from vqvae_tf.models import CodePrior
from vqvae_tf.prior_config import PriorConfig

_BATCH_SIZE = 100


class Baselines(NamedTuple):
  """Mean bits per code of a split.

  Attributes:
    uniform: log2 K.
    unigram: of codes that are drawn one by one, each with its frequency in the
      training codes; see `bits.cross_entropy_bits`.
  """

  uniform: float
  unigram: float


class CodeBits(NamedTuple):
  """Mean bits per code of a split, under a prior.

  Attributes:
    marginal: -log2 p(z) / (h w M); the label of a conditional prior is summed
      over.
    given_class: -log2 p(z | y) / (h w M); None of an unconditional prior.
  """

  marginal: float
  given_class: float | None


def baselines(codes: Codes, split: str) -> Baselines:
  """Returns what a prior of a split has to beat."""
  counts, training = (
    metrics.count_codes(codes.splits[name].codes, codes.codebook_sizes)
    for name in (split, 'train')
  )
  pairs = zip(counts, training, strict=True)
  return Baselines(
    float(np.mean(np.log2(codes.codebook_sizes))),
    float(np.mean([bits.cross_entropy_bits(*pair) for pair in pairs])),
  )


def report(workdir: PriorWorkdir, codes: Codes) -> str:
  """Returns the bits of the best prior of a run as lines for the screen.

  Args:
    workdir: of the run, with a checkpoint.
    codes: those that it was trained on; their validation split is measured.

  Raises:
    UserError: as `trained.load_prior` does.
  """
  prior, config, step = trained.load_prior(workdir)
  source = codes.splits['validation']
  known, found = baselines(codes, 'validation'), measure(prior, config, source)
  rows = [
    ('uniform prior', known.uniform),
    ('unigram, from the training codes', known.unigram),
    ('this prior, p(z)', found.marginal),
  ]
  if found.given_class is not None:
    rows.append(('  p(z | y), given the class', found.given_class))
  height, width = config.grid
  lines = [
    f'validation, {source.num_examples:,} images of {height}x{width}x'
    f'{len(config.codebook_sizes)} codes, prior of step {step}',
    f'{"":<34}{"bits/code":>10}{"bits/dim":>10}',
  ]
  per_dim = config.num_codes / config.num_dims
  lines += [
    f'{name:<34}{value:>10.4f}{value * per_dim:>10.4f}' for name, value in rows
  ]
  if found.marginal >= known.unigram:
    lines.append(
      'it misses the unigram baseline, and is of no use: train it longer, or '
      f'{workdir.way_out} and choose other settings'
    )
  return '\n'.join(lines)


def measure(
  prior: CodePrior, config: PriorConfig, source: CodeSource
) -> CodeBits:
  """Measures a prior on a split."""
  marginal = build.marginal_nats(prior, config)
  given_class = (
    mean_bits(build.code_nats(prior, config), config, source)
    if config.num_classes
    else None
  )
  return CodeBits(
    mean_bits(lambda codes, _: marginal(codes), config, source), given_class
  )


def mean_bits(
  nats: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
  config: PriorConfig,
  source: CodeSource,
) -> float:
  """Returns the mean bits per code of a split, each image counting once.

  Args:
    nats: takes codes int32 `[B, h, w, M]` and labels int32 `[B]` to `[B]`.
    config: of the prior.
    source: the split.

  Raises:
    ValueError: if there is no image.
  """
  if not source.num_examples:
    raise ValueError(f'the {source.split} split has no codes to measure')
  total = 0.0
  for codes, labels in pipeline.in_order(source, _BATCH_SIZE):
    total += float(np.sum(nats(codes, labels), dtype=np.float64))
  return bits.bits_per_dim(total / source.num_examples, config.num_codes)
