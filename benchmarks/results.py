"""Writes the tables of what was measured into the README and the guides.

  python benchmarks/results.py            # writes them anew
  python benchmarks/results.py --check    # names the files that differ

A table stands between `<!-- results: NAME -->` and `<!-- /results -->` in
README.md or docs/*.md; `tables.py` and `file_tables.py` have them by name.
"""

import argparse
import re
import sys
from pathlib import Path

import file_tables  # noqa: F401  (it registers its tables)
import tables

_MARKED = re.compile(
  r'(<!-- results: (\S+) -->\n).*?(<!-- /results -->)', re.DOTALL
)


def filled(text: str) -> str:
  """Returns a text with its tables as they should be.

  Raises:
    KeyError: if there is no table of a name.
  """
  return _MARKED.sub(
    lambda match: match[1] + '\n' + tables.TABLES[match[2]]() + '\n' + match[3],
    text,
  )


def documents() -> list[Path]:
  """Returns the files that may have tables."""
  return [
    tables.ROOT / 'README.md',
    *sorted((tables.ROOT / 'docs').glob('*.md')),
  ]


def main() -> None:
  """Runs the executable."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
    '--check', action='store_true', help='write nothing; 1 if a table differs'
  )
  arguments = parser.parse_args()
  differing = []
  for path in documents():
    text = path.read_text()
    if filled(text) != text:
      differing.append(str(path.relative_to(tables.ROOT)))
      if not arguments.check:
        path.write_text(filled(text))
  if arguments.check and differing:
    sys.exit(
      f'{", ".join(differing)}: a table is not what was measured; run '
      'python benchmarks/results.py'
    )


if __name__ == '__main__':
  main()
