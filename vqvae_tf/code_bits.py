"""What codes cost under a prior, and under the baselines of every prior."""

import json
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from vqvae_tf import bits, build, files, metrics, trained
from vqvae_tf.checkpoints import PriorWorkdir
from vqvae_tf.code_cache import Codes, CodeSource
from vqvae_tf.codes import count_codes
from vqvae_tf.configs import PriorConfig
from vqvae_tf.datasets import pipeline
from vqvae_tf.errors import UserError
from vqvae_tf.models import CodePrior

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


class Standing(NamedTuple):
  """What a prior is worth on the validation split, in mean bits per code.

  Attributes:
    step: of the prior's checkpoint.
    num_examples: images of the split.
    uniform: see `Baselines`.
    unigram: see `Baselines`.
    marginal: see `CodeBits`.
    given_class: see `CodeBits`.
  """

  step: int
  num_examples: int
  uniform: float
  unigram: float
  marginal: float
  given_class: float | None

  @property
  def is_useless(self) -> bool:
    """Whether counting the training codes does as well, without a network."""
    return self.marginal >= self.unigram

  @property
  def verdict(self) -> str:
    """The two figures that decide, in words."""
    word = 'misses' if self.is_useless else 'beats'
    return (
      f'{word} the unigram baseline on the validation split: '
      f'{self.marginal:.4f} bits per code, unigram {self.unigram:.4f}'
    )


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


def measure_standing(workdir: PriorWorkdir, codes: Codes) -> Standing:
  """Measures the best prior of a run, and keeps what it found there.

  Args:
    workdir: of the run, with a checkpoint.
    codes: those that it was trained on.

  Raises:
    UserError: as `trained.load_prior` does.
    OSError: if it cannot be written.
  """
  prior, config, step = trained.load_prior(workdir)
  source = codes.splits['validation']
  standing = Standing(
    step,
    source.num_examples,
    *baselines(codes, 'validation'),
    *measure(prior, config, source),
  )
  write_standing(workdir, standing)
  return standing


def write_standing(workdir: PriorWorkdir, standing: Standing) -> None:
  """Keeps what was found of the best prior of a run: validation.json."""
  files.write_json(workdir.standing_path, standing._asdict())


def known_standing(workdir: PriorWorkdir) -> Standing | None:
  """Returns what `measure_standing` found of the best prior of a run.

  Returns:
    None if it was not measured: its training was interrupted.

  Raises:
    UserError: if the file is damaged, or as `Workdir.best_step` does.
  """
  path = workdir.standing_path
  if not path.exists():
    return None
  try:
    standing = Standing(**json.loads(path.read_text()))
  except (OSError, ValueError, TypeError) as error:
    raise UserError(
      f'{path} is damaged ({files.one_line(error)}): remove it, and let '
      f'bin/prior --workdir={path.parent.parent} write it anew'
    ) from error
  return standing if standing.step == workdir.best_step() else None


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
  prior: CodePrior, config: PriorConfig, source: CodeSource
) -> CodeBits:
  """Measures a prior on a split, with a bar on a terminal.

  A conditional prior runs once for each class.
  """
  code_bits = build.code_bits(prior, config)
  bar = files.bar(source.num_examples, f'{source.split}, prior')
  learned = given_class = 0.0
  with bar:
    for codes, labels in pipeline.in_order(source, _BATCH_SIZE):
      found = metrics.code_bits(
        code_bits, config.num_classes, config.codebook_sizes, codes, labels
      )
      learned += found.learned.sum()
      if found.given_class is not None:
        given_class += found.given_class.sum()
      bar.update(len(codes))
  count = source.num_examples * config.num_codes
  return CodeBits(
    float(learned / count),
    float(given_class / count) if config.num_classes else None,
  )


def mean_bits(
  nats: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
  config: PriorConfig,
  source: CodeSource,
) -> float:
  """Returns the mean bits per code of a split, each image counting once.

  Args:
    nats: takes codes int32 `[B, ..., M]` and labels int32 `[B]` to `[B]`.
    config: of the prior.
    source: the split.

  Raises:
    ValueError: if there is no image.
  """
  if not source.num_examples:
    raise ValueError(f'the {source.split} split has no codes to measure')
  fit = metrics.images_per_pass(config.num_codes, config.codebook_sizes)
  total = 0.0
  for codes, labels in pipeline.in_order(source, min(_BATCH_SIZE, fit)):
    total += float(np.sum(nats(codes, labels), dtype=np.float64))
  return bits.bits_per_dim(total / source.num_examples, config.num_codes)
