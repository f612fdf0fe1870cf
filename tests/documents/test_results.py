"""The tables of the README and the guides are what was measured."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]


@pytest.fixture
def copied(tmp_path):
  """A folder with what the tables are made of, and the documents."""
  (tmp_path / 'assets').symlink_to(ROOT / 'assets')
  for name in ('benchmarks', 'docs'):
    shutil.copytree(ROOT / name, tmp_path / name)
  shutil.copy(ROOT / 'README.md', tmp_path)
  return tmp_path


@pytest.fixture
def tables(monkeypatch):
  """The tables as Markdown, by name."""
  monkeypatch.syspath_prepend(str(ROOT / 'benchmarks'))
  import file_tables  # noqa: F401
  import tables

  return {name: table() for name, table in tables.TABLES.items()}


def results(folder, *flags):
  return subprocess.run(
    [sys.executable, folder / 'benchmarks' / 'results.py', *flags],
    capture_output=True,
    text=True,
  )


def test_tables_are_what_was_measured():
  done = results(ROOT, '--check')
  assert done.returncode == 0, done.stderr


def test_another_figure_is_found_and_put_right(copied):
  path = copied / 'docs' / 'results.md'
  true = path.read_text()
  assert '| 4.343 ± 0.012 | 3.629 |' in true
  path.write_text(true.replace('| 4.343 ± 0.012 | 3.629 |', '| 2 | 1 |'))
  done = results(copied, '--check')
  assert done.returncode == 1
  assert done.stderr.startswith('docs/results.md: a table is not what was')
  assert path.read_text() != true
  assert results(copied).returncode == 0
  assert path.read_text() == true


def test_every_table_is_shown(tables):
  texts = ''.join(path.read_text() for path in DOCUMENTS)
  shown = re.findall(r'<!-- results: (\S+) -->', texts)
  assert texts.count('<!-- /results -->') == len(shown)
  assert set(shown) == set(tables)


def test_a_row_by_hand(tables):
  assert (
    '| CIFAR-10 | 16x16, K = 4,096 | 4.343 ± 0.012 | 3.629 | 0.714 (1.000) | '
    '29.24 dB | 3,706.3 |\n'
  ) in tables['models']
  # Half the distance of the two seeds beside their mean.
  assert '| ema | 2 | 5.065 ± 0.002 | 29.14 ± 0.00 |' in tables['quantizers']


def test_the_best_stand_below(tables):
  rows = tables['published'].splitlines()[2:]
  cifar10 = [float(row.split('|')[2].strip(' *').split()[0]) for row in rows]
  assert cifar10 == sorted(cifar10, reverse=True)
  places = {row.split('|')[1].strip(' *'): i for i, row in enumerate(rows)}
  assert places['vqvae_tf, factorized'] < places['JPEG XL, lossless']


def test_the_front_door_is_narrow():
  assert len((ROOT / 'README.md').read_text().splitlines()) <= 180
