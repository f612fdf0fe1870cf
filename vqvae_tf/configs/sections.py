"""Configurations: frozen sections of fields, JSON, one flag per field.

A configuration travels inside the workdir, and the command-line flags are
derived from its fields, so that the two cannot drift apart. It is plain data:
`vqvae_tf.build` makes objects of its names.
"""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any, TypeVar

from vqvae_tf.configs.settings import check_range, check_type, nearest
from vqvae_tf.errors import UserError

# Of a class.
_LONGEST_NAME = 1_000
# A class of configurations.
_Sections = TypeVar('_Sections', bound='Sections')


@dataclasses.dataclass(frozen=True)
class Sections:
  """A configuration: sections of fields, and what was observed of the data.

  A field that is no section is an observation; its default has the type that
  it has when nothing was observed yet.
  """

  def __post_init__(self):
    for field, value in fields(self):
      check_type(field, value)
    for field, value in fields(self):
      # What nobody reads may be anything: earlier versions took it.
      if counts(self, field):
        check_range(field, value)


def fields(config: Sections) -> Iterator[tuple[dataclasses.Field, Any]]:
  """Yields each field of each section with its value."""
  for _, part in _sections(config):
    for field in dataclasses.fields(part):
      yield field, getattr(part, field.name)


def counts(config: Sections, field: dataclasses.Field) -> bool:
  """Returns whether the kinds that a configuration names read a field."""
  only = field.metadata['only']
  return not only or any(
    only.has(value)
    for other, value in fields(config)
    if other.name == only.field
  )


def effective(config: _Sections) -> _Sections:
  """Returns `config` with the defaults in place of what does not count.

  Two configurations do the same if these are equal.
  """
  defaults = fields(type(config)())
  idle = {f.name: value for f, value in defaults if not counts(config, f)}
  return replace(config, **idle)


def observations(config: Sections) -> dict[str, object]:
  """Returns what is in no section, by name."""
  sections = dict(_sections(config))
  return {
    field.name: getattr(config, field.name)
    for field in dataclasses.fields(config)
    if field.name not in sections
  }


def replace(config: _Sections, **values: Any) -> _Sections:
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
    raise UserError(f'no setting is called {name!r:.60}{nearest(name, known)}')
  return dataclasses.replace(config, **sections)


def command(config: Sections, name: str = 'bin/train') -> str:
  """Returns the command that trains this configuration."""
  defaults = fields(type(config)())
  flags = [
    f'--{field.name}={value}'
    for (field, value), (_, default) in zip(
      fields(effective(config)), defaults, strict=True
    )
    if value != default and field.name != 'data_dir'
  ]
  return ' '.join([name, *flags])


def to_json(config: Sections) -> str:
  """Returns the configuration as indented JSON."""
  return json.dumps(dataclasses.asdict(config), indent=2)


def from_json(text: str, kind: type[_Sections]) -> _Sections:
  """Returns the configuration that `to_json` wrote: see `from_values`."""
  try:
    return from_values(json.loads(text), kind)
  except (ValueError, RecursionError) as error:
    raise UserError(f'the configuration is damaged: {error!r}') from error


def from_values(values: dict, kind: type[_Sections]) -> _Sections:
  """Returns the configuration whose fields JSON holds.

  Args:
    values: sections and observations by name.
    kind: the class of the configuration.

  Raises:
    UserError: for unknown fields, or values that do not fit.
  """
  try:
    sections = dict(values)
    kinds = {field.name: field.type for field in dataclasses.fields(kind)}
    observed_values = {
      name: _observation(name, sections.pop(name), default, kinds[name])
      for name, default in observations(kind()).items()
    }
    flat = {k: v for part in sections.values() for k, v in part.items()}
  except (ValueError, AttributeError, KeyError, TypeError) as error:
    raise UserError(f'the configuration is damaged: {error!r}') from error
  return replace(kind(**observed_values), **flat)


def _observation(name, value, default, kind):
  """Returns a value from JSON, which has lists in the place of tuples."""
  if isinstance(value, list) and type(default) in (tuple, type(None)):
    is_fine = _is_name if kind == tuple[str, ...] else _is_size
    if not all(map(is_fine, value)):
      raise TypeError(f'{name}={value!r:.60}')
    return tuple(value)
  if type(value) is not type(default):
    raise TypeError(f'{name}={value!r}')
  return value


def _is_name(value):
  return type(value) is str and len(value) <= _LONGEST_NAME


def _is_size(value):
  return type(value) is int and 0 < value < 2**31


def check_resumable(
  old: Sections,
  new: Sections,
  where: str,
  way_out: str = 'name another --workdir',
) -> None:
  """Checks that a run may go on with other settings.

  What does not count may differ.

  Args:
    old: the configuration of the workdir.
    new: the one asked for now, of the same class.
    where: the workdir, for the message.
    way_out: what to do where those of now are wanted.

  Raises:
    UserError: naming the first field that differs and may not.
  """
  pairs = zip(fields(effective(old)), fields(effective(new)), strict=True)
  for (field, before), (_, after) in pairs:
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


def _sections(config: Sections) -> Iterator[tuple[str, Any]]:
  for field in dataclasses.fields(config):
    part = getattr(config, field.name)
    if dataclasses.is_dataclass(part):
      yield field.name, part
