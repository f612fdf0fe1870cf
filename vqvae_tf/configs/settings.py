"""A field of a configuration: its words, its range, the kinds it counts for."""

import dataclasses
import difflib
from collections.abc import Iterable
from typing import Any, NamedTuple

from vqvae_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class Range:
  """The numbers between two bounds.

  Attributes:
    low: the lower bound.
    high: the upper bound, finite.
    open_low: whether `low` itself is left out.
    open_high: whether `high` itself is left out.
  """

  low: float
  high: float
  open_low: bool = False
  open_high: bool = False

  def __contains__(self, value: float) -> bool:
    # NaN is on no side of a bound.
    above = self.low < value if self.open_low else self.low <= value
    below = value < self.high if self.open_high else value <= self.high
    return above and below

  def __str__(self) -> str:
    left, right = '[('[self.open_low], '])'[self.open_high]
    return f'{left}{self.low}, {self.high}{right}'


def kind(value: str) -> str:
  """Returns what a value is compared by: 'tfds:' of 'tfds:mnist'.

  What precedes a colon names the kind, and what follows one of its kind.
  """
  head, colon, _ = value.partition(':')
  return head + colon


class Kinds(NamedTuple):
  """The kinds that read a field: others do as well without it.

  Attributes:
    field: the field that names the kind.
    names: those of its choices that count.
  """

  field: str
  names: tuple[str, ...]

  def has(self, value: str) -> bool:
    """Returns whether a value of the field is one of them."""
    return kind(value) in map(kind, self.names)

  def __str__(self) -> str:
    *others, last = self.names
    first = f'{", ".join(others)} or ' if others else ''
    return f'--{self.field}={first}{last}'


def setting(
  default: Any,
  help_text: str,
  choices: tuple[str, ...] | None = None,
  *,
  within: Range | None = None,
  only: Kinds | None = None,
  resume: bool = False,
) -> Any:
  """A configuration field.

  Args:
    default: a str, int, float or bool, which says the type.
    help_text: what it is; `described` adds choices, range and kinds.
    choices: all values of a field that names a kind; what follows a colon
      stands for any text.
    within: the range of a number.
    only: the kinds that read it; None: it always counts.
    resume: whether it may change when training goes on.
  """
  metadata = {
    'help': help_text,
    'choices': choices,
    'within': within,
    'only': only,
    'resume': resume,
  }
  return dataclasses.field(default=default, metadata=metadata)


def described(field: dataclasses.Field) -> str:
  """Returns what a field is, with its choices, its range and its kinds."""
  text, settings = field.metadata['help'], field.metadata
  if settings['choices']:
    text += f': {", ".join(settings["choices"])}'
  if settings['within']:
    text += f'; in {settings["within"]}'
  return f'{text}; for {settings["only"]}' if settings['only'] else text


def check_type(field: dataclasses.Field, value: Any) -> None:
  """Checks a value's type, and that it is one of the choices.

  Raises:
    UserError: if it is not.
  """
  # A float may be written without a point; a bool is an int to Python only.
  wanted = type(field.default)
  types = (int, float) if wanted is float else (wanted,)
  if type(value) not in types:
    raise UserError(
      f'--{field.name}={value!r:.60} must be of type {wanted.__name__}'
    )
  choices = field.metadata['choices']
  if choices and kind(value) not in map(kind, choices):
    shown = repr(value[:60])[1:-1]
    raise UserError(
      f'--{field.name}={shown} is unknown{nearest(value, choices)}'
    )


def check_range(field: dataclasses.Field, value: Any) -> None:
  """Checks that a value of the right type is within the field's range.

  Raises:
    UserError: if it is not.
  """
  within = field.metadata['within']
  if within and value not in within:
    raise UserError(f'--{field.name}={value!r:.40} must be in {within}')


def nearest(name: str, known: Iterable[str]) -> str:
  """Returns ' (did you mean ...?)' for a mistyped name, or the whole list."""
  known = list(known)
  close = difflib.get_close_matches(name, known, n=1)
  if close:
    return f': did you mean {close[0]!r}?'
  return f': known are {", ".join(known)}'
