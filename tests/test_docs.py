"""The guides are true, and the reference knows every public name."""

import pathlib
import re

import pytest

import vqvae_tf
from vqvae_tf import keras as layers

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCS = ROOT / 'docs'
GUIDES = sorted(DOCS.glob('*.md'))
guides = pytest.mark.parametrize('path', GUIDES, ids=lambda path: path.stem)


@guides
def test_code(path, monkeypatch):
  """The blocks of a guide run one after the other, as they are read."""
  monkeypatch.chdir(ROOT)
  blocks = re.findall(r'```python\n(.*?)```', path.read_text(), re.DOTALL)
  assert blocks or path.stem == 'index'
  names = {}
  for block in blocks:
    exec(compile(block, path.name, 'exec'), names)


@guides
def test_links_and_files_exist(path):
  text = path.read_text()
  prose = re.sub(r'```.*?```', '', text, flags=re.DOTALL)
  for target in re.findall(r'\]\(([^)#]+)\)', prose):
    assert target.startswith('https://') or (DOCS / target).exists(), target
  folders = 'assets|benchmarks|bin|docs|notebooks'
  for target in re.findall(rf'(?<![/\w])((?:{folders})/[\w./]*\w)', text):
    assert (ROOT / target).exists(), target


def test_all_guides_are_in_the_menu():
  menu = (ROOT / 'mkdocs.yml').read_text()
  for path in DOCS.rglob('*.md'):
    assert f'- {path.relative_to(DOCS)}\n' in menu, path


def test_reference_has_every_public_name():
  names = {*vqvae_tf._HOMES, *layers.__all__}
  reference = [path.read_text() for path in (DOCS / 'reference').glob('*.md')]
  known = set(re.findall(r'\w+', '\n'.join(reference)))
  assert names <= known, sorted(names - known)
