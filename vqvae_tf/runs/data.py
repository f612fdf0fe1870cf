"""data.json of a workdir: the data that a run was trained on."""

import re
from collections.abc import Iterable

from vqvae_tf import files
from vqvae_tf.datasets.source import Identity, Source
from vqvae_tf.errors import UserError
from vqvae_tf.runs.workdir import Workdir

_WAY_OUT = 'go on knowingly with --allow_other_data'


def record(workdir: Workdir, sources: Iterable[Source]) -> None:
  """Writes which data a run is trained on, as far as the sources know."""
  parts = {
    source.identity.part: {
      'count': source.identity.count,
      'digest': source.identity.digest,
    }
    for source in sources
    if source.identity
  }
  if parts:
    files.write_json(_path(workdir), {'parts': parts})


def check(workdir: Workdir, source: Source) -> None:
  """Checks that a split is of the data that a run was trained on.

  What was not recorded, by an early version or of a test split in a file or a
  folder of its own, passes.

  Args:
    workdir: of a run.
    source: what is to be trained on, or measured.

  Raises:
    UserError: if it is of other data, or the record is damaged.
  """
  now = source.identity
  if not now:
    return
  if not _path(workdir).exists():
    if source.is_by_name:
      raise UserError(
        f'{workdir} is of a version that split {source.name} by the order of '
        f'its files, so that the {source.split} split of today may hold what '
        f'it was trained on: train anew, or {_WAY_OUT}'
      )
    return
  parts = _read(workdir)
  # A test split in a place of its own is no part of what trains.
  own = None if now.part == 'test' else parts.get('train')
  known = parts.get(now.part) or parts.get('all') or own
  if known and now != known:
    raise UserError(
      f'the data of {workdir} had {known.count} examples ({known.part}, digest '
      f'{known.digest[:8]}), {source.name} now has {now.count} ({now.part}, '
      f'digest {now.digest[:8]}): give the same with --data_dir, or {_WAY_OUT}'
    )


def _path(workdir):
  return workdir.path / 'data.json'


def _read(workdir) -> dict[str, Identity]:
  path = _path(workdir)
  try:
    [(name, parts)] = files.read_json(path).items()
    if name != 'parts':
      raise ValueError(f'{name!r:.40} is unknown')
    return {part: _identity(part, of) for part, of in parts.items()}
  except (ValueError, KeyError, TypeError, AttributeError) as error:
    raise UserError(
      f'{path} is damaged ({files.one_line(error)}): restore it, or {_WAY_OUT}'
    ) from error


def _identity(part, of):
  count, digest = of['count'], of['digest']
  if type(count) is not int or not re.fullmatch('[0-9a-f]{32}', digest):
    raise ValueError(f'of {part!r:.20} it has {count!r:.20}, {digest!r:.40}')
  return Identity(part, count, digest)
