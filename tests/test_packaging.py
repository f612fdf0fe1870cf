"""The wheel, tried outside the tree."""

import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

import vqvae_tf

ROOT = pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture(scope='module')
def unpacked(tmp_path_factory):
  """A folder that holds what the wheel holds, and nothing else."""
  tree = tmp_path_factory.mktemp('tree')
  for name in ('setup.py', 'pyproject.toml', 'README.md', 'LICENSE'):
    shutil.copy(ROOT / name, tree)
  shutil.copytree(ROOT / 'vqvae_tf', tree / 'vqvae_tf')
  # Without isolation, which would ask the network for setuptools.
  subprocess.run(
    [sys.executable, '-m', 'build', '--wheel', '--no-isolation', str(tree)],
    check=True,
    capture_output=True,
  )
  (wheel,) = (tree / 'dist').glob('*.whl')
  folder = tmp_path_factory.mktemp('unpacked')
  with zipfile.ZipFile(wheel) as file:
    file.extractall(folder)
  return folder


def test_holds_the_package_alone(unpacked):
  (info,) = unpacked.glob('*.dist-info')
  assert {path.name for path in unpacked.iterdir()} == {'vqvae_tf', info.name}
  assert (unpacked / 'vqvae_tf' / 'py.typed').exists()
  modules = {p.relative_to(ROOT) for p in (ROOT / 'vqvae_tf').rglob('*.py')}
  assert modules == {p.relative_to(unpacked) for p in unpacked.rglob('*.py')}


def test_says_what_it_is_for(unpacked):
  [path] = unpacked.glob('*.dist-info/METADATA')
  text = path.read_text().split('\n\n')[0]
  fields = [line.split(': ', 1) for line in text.splitlines() if ': ' in line]
  classifiers = {value for name, value in fields if name == 'Classifier'}
  versions = {
    c.split(' :: ')[-1] for c in classifiers if ':: Python :: 3.' in c
  }
  assert versions == {'3.10', '3.11', '3.12', '3.13'}
  assert dict(fields)['Requires-Python'] in ('>=3.10,<3.14', '<3.14,>=3.10')
  assert 'License :: OSI Approved :: Apache Software License' in classifiers
  # The weekly run tries the same.
  weekly = (ROOT / '.github' / 'workflows' / 'weekly.yml').read_text()
  assert all(f"'{version}'" in weekly for version in versions)


def test_the_citation_is_of_this_version():
  lines = (ROOT / 'CITATION.cff').read_text().splitlines()
  assert f'version: {vqvae_tf.__version__}' in lines


def test_every_command_answers(unpacked, tmp_path, environment):
  (info,) = unpacked.glob('*.dist-info')
  lines = (info / 'entry_points.txt').read_text().splitlines()
  scripts = dict(line.split(' = ') for line in lines if ' = ' in line)
  names = {path.name for path in (ROOT / 'bin').iterdir() if not path.suffix}
  names.discard('__pycache__')
  assert set(scripts) == {f'vqvae-tf-{name}' for name in names}
  for target in scripts.values():
    module, function = target.split(':')
    code = (
      f'import sys, {module}; sys.argv = ["x", "--help"]; '
      f'print({module}.__file__); {module}.{function}()'
    )
    done = subprocess.run(
      [sys.executable, '-c', code],
      cwd=tmp_path,
      env={**environment, 'PYTHONPATH': str(unpacked)},
      capture_output=True,
      text=True,
    )
    assert done.stdout.startswith(str(unpacked)), done.stderr
    assert '--' in done.stdout.split('\n', 1)[1]
