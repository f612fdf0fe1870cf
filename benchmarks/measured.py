"""What a table of measurements is made of, and how it is written."""

import csv
import functools
import json
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Markdown by the name of the table.
TABLES: dict[str, Callable[[], str]] = {}


def table(*header: str):
  """Registers a function that yields the rows under a header."""

  def register(rows: Callable[[], Iterable[Iterable[str]]]):
    def markdown():
      lines = [header, ['---'] * len(header), *rows()]
      return ''.join(f'| {" | ".join(line)} |\n' for line in lines)

    TABLES[rows.__name__] = markdown
    return rows

  return register


@functools.cache
def model_metadata(model: str) -> dict:
  path = ROOT / 'assets' / 'models' / model / 'assets' / 'metadata.json'
  return json.loads(path.read_text())


def read(path: str) -> list[dict[str, str]]:
  with open(ROOT / 'assets' / path, newline='') as file:
    return list(csv.DictReader(file))
