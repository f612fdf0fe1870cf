"""What a prior is worth, as its run keeps it: validation.json."""

from typing import NamedTuple

from vqvae_tf import files
from vqvae_tf.errors import UserError
from vqvae_tf.runs.workdir import PriorWorkdir


class Standing(NamedTuple):
  """What a prior is worth on the validation split, in mean bits per code.

  Attributes:
    step: of the prior's checkpoint.
    num_examples: images of the split.
    uniform: of codes that are all equally likely, log2 K.
    unigram: of codes that are drawn one by one, each with its frequency in the
      training codes; see `bits.cross_entropy_bits`.
    marginal: -log2 p(z) / (h w M); the label of a conditional prior is summed
      over.
    given_class: -log2 p(z | y) / (h w M); None of an unconditional prior.
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


def write_standing(workdir: PriorWorkdir, standing: Standing) -> None:
  """Keeps what was found of the best prior of a run.

  Raises:
    OSError: if it cannot be written.
  """
  files.write_json(workdir.standing_path, standing._asdict())


def known_standing(workdir: PriorWorkdir) -> Standing | None:
  """Returns what was found of the best prior of a run.

  Returns:
    None if it was not measured: its training was interrupted.

  Raises:
    UserError: if the file is damaged, or as `Workdir.best_step` does.
  """
  path = workdir.standing_path
  if not path.exists():
    return None
  try:
    standing = Standing(**files.read_json(path))
    _check(standing)
  except (OSError, ValueError, TypeError) as error:
    raise UserError(
      f'{path} is damaged ({files.one_line(error)}): remove it, and let '
      f'bin/prior --workdir={path.parent.parent} write it anew'
    ) from error
  return standing if standing.step == workdir.best_step() else None


def _check(standing):
  optional = 0.0 if standing.given_class is not None else None
  files.check_numbers(standing, Standing(0, 0, 0.0, 0.0, 0.0, optional))
