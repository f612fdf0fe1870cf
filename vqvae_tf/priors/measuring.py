"""What codes cost under a prior, and under the baselines of every prior."""

from typing import NamedTuple

import numpy as np

from vqvae_tf import bits, files
from vqvae_tf.codes import count_codes
from vqvae_tf.configs import PriorConfig
from vqvae_tf.datasets import pipeline
from vqvae_tf.models import ServedPrior, examples_per_pass, serve_prior
from vqvae_tf.priors.codes import Codes, CodeSource
from vqvae_tf.runs.run import PriorRun
from vqvae_tf.runs.standing import Standing, write_standing

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
    marginal: -log2 p(z) by the number of codes; the label of a conditional
      prior is summed over.
    given_class: -log2 p(z | y) likewise; None of an unconditional prior.
  """

  marginal: float
  given_class: float | None


def baselines(codes: Codes, split: str) -> Baselines:
  """Returns what a prior of a split has to beat."""
  counts, training = (
    count_codes(codes.splits[name].codes, codes.codebook_sizes)
    for name in (split, 'train')
  )
  pairs = zip(counts, training, strict=True)
  return Baselines(
    float(np.mean(np.log2(codes.codebook_sizes))),
    float(np.mean([bits.cross_entropy_bits(*pair) for pair in pairs])),
  )


def measure_standing(run: PriorRun, codes: Codes) -> Standing:
  """Measures the best prior of a run, and keeps what it found there.

  Args:
    run: with a checkpoint.
    codes: those that it was trained on.

  Raises:
    UserError: as `PriorRun.model` does.
    OSError: if it cannot be written.
  """
  source = codes.splits['validation']
  standing = Standing(
    run.step,
    source.num_examples,
    *baselines(codes, 'validation'),
    *measure(serve_prior(run.model), run.config, source),
  )
  write_standing(run.workdir, standing)
  return standing


def table(standing: Standing, config: PriorConfig) -> str:
  """Returns a standing as lines for the screen; `config` is the prior's."""
  rows = [
    ('uniform prior', standing.uniform),
    ('unigram, from the training codes', standing.unigram),
    ('this prior, p(z)', standing.marginal),
  ]
  if standing.given_class is not None:
    rows.append(('  p(z|y), given the class', standing.given_class))
  shape = 'x'.join(map(str, config.code_shape))
  lines = [
    f'validation, {standing.num_examples:,} images of {shape} codes, prior of '
    f'step {standing.step}',
    f'{"":<34}{"bits/code":>10}{"bits/dim":>10}',
  ]
  per_dim = config.num_codes / config.num_dims
  lines += [
    f'{name:<34}{value:>10.4f}{value * per_dim:>10.4f}' for name, value in rows
  ]
  return '\n'.join(lines)


def measure(
  prior: ServedPrior, config: PriorConfig, source: CodeSource
) -> CodeBits:
  """Measures a prior on a split, with a bar on a terminal.

  A conditional prior runs once for each class.
  """
  marginal = given_class = 0.0
  with files.bar(source.num_examples, f'{source.split}, prior') as bar:
    for codes, labels in pipeline.in_order(source, _BATCH_SIZE):
      cost = prior.cost(codes, labels)
      marginal += cost.marginal.sum()
      if cost.given_class is not None:
        given_class += cost.given_class.sum()
      bar.update(len(codes))
  count = source.num_examples * config.num_codes
  return CodeBits(
    float(marginal / count),
    float(given_class / count) if config.num_classes else None,
  )


def mean_bits(
  prior: ServedPrior, config: PriorConfig, source: CodeSource
) -> float:
  """Returns the mean bits per code of a split, given the class of each example.

  Raises:
    ValueError: if there is no example.
  """
  if not source.num_examples:
    raise ValueError(f'the {source.split} split has no codes to measure')
  fit = examples_per_pass(config.num_codes, config.codebook_sizes)
  total = 0.0
  for codes, labels in pipeline.in_order(source, min(_BATCH_SIZE, fit)):
    total += float(np.sum(prior.code_bits(codes, labels), dtype=np.float64))
  return total / source.num_examples / config.num_codes
