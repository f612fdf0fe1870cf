"""The guides are true, and the reference knows every public name."""

import pathlib
import pkgutil
import re

import pytest

import vqvae_tf
from vqvae_tf import keras as layers

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / 'docs'
GUIDES = sorted(DOCS.glob('*.md'))
WITH_CODE = [path for path in GUIDES if '```python' in path.read_text()]


@pytest.mark.parametrize('path', WITH_CODE, ids=lambda path: path.stem)
def test_code(path, monkeypatch):
  """The blocks of a guide run one after the other, as they are read."""
  monkeypatch.chdir(ROOT)
  blocks = re.findall(r'```python\n(.*?)```', path.read_text(), re.DOTALL)
  names = {}
  for block in blocks:
    exec(compile(block, path.name, 'exec'), names)


@pytest.mark.parametrize(
  'path', [ROOT / 'README.md', *GUIDES], ids=lambda path: path.stem
)
def test_links_and_files_exist(path):
  text = path.read_text()
  prose = re.sub(r'```.*?```', '', text, flags=re.DOTALL)
  for target, anchor in re.findall(r'\]\(([^)#]*)(?:#([^)]*))?\)', prose):
    if target.startswith('https://'):
      continue
    linked = path.parent / target
    assert linked.exists(), target
    assert not anchor or anchor in _anchors(linked), (target, anchor)
  folders = 'assets|benchmarks|bin|docs|notebooks'
  for target in re.findall(rf'(?<![/\w])((?:{folders})/[\w./]*\w)', text):
    assert (ROOT / target).exists(), target


def _anchors(path):
  """Returns what the headings of a page are called in links."""
  headings = re.findall(r'^#+ (.*)$', path.read_text(), re.MULTILINE)
  bare = (re.sub(r'[^\w -]', '', heading).lower() for heading in headings)
  return {heading.replace(' ', '-') for heading in bare}


def test_all_guides_are_in_the_menu():
  menu = (ROOT / 'mkdocs.yml').read_text()
  for path in DOCS.rglob('*.md'):
    assert f'- {path.relative_to(DOCS)}\n' in menu, path


def test_reference_has_every_public_name():
  names = {*vqvae_tf._HOMES, *layers.__all__}
  reference = [path.read_text() for path in (DOCS / 'reference').glob('*.md')]
  known = set(re.findall(r'\w+', '\n'.join(reference)))
  assert names <= known, sorted(names - known)


def test_reference_names_what_there_is():
  pages = (DOCS / 'reference').glob('*.md')
  found = [
    name
    for page in pages
    for name in re.findall(r'^::: (\S+)', page.read_text(), re.MULTILINE)
  ]
  assert 'vqvae_tf.quantizers' in found
  for name in found:
    assert pkgutil.resolve_name(name)
