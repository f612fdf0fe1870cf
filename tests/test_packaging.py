"""The wheel, tried where there is nothing else."""

import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

import vqvae_tf

ROOT = pathlib.Path(__file__).resolve().parents[1]


MOST_BYTES = 25e6
FILES = ('setup.py', 'pyproject.toml', 'MANIFEST.in', 'README.md', 'LICENSE')
PRETRAINED = {'mnist', 'fashion_mnist'}


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
  """The wheel, built of the files that it takes."""
  tree = tmp_path_factory.mktemp('tree')
  for name in FILES:
    shutil.copy(ROOT / name, tree)
  shutil.copytree(ROOT / 'vqvae_tf', tree / 'vqvae_tf')
  models = pathlib.Path('assets') / 'models'
  shutil.copytree(ROOT / models, tree / models)
  # Without isolation, which would ask the network for setuptools.
  subprocess.run(
    [sys.executable, '-m', 'build', '--wheel', '--no-isolation', str(tree)],
    check=True,
    capture_output=True,
  )
  (wheel,) = (tree / 'dist').glob('*.whl')
  return wheel


@pytest.fixture(scope='module')
def unpacked(wheel, tmp_path_factory):
  """A folder that holds what the wheel holds, and nothing else."""
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
  # As an SPDX expression: a classifier beside it is deprecated, and told so.
  licenses = {v for name, v in fields if name.startswith('License')}
  assert 'Apache-2.0' in licenses
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


def test_brings_models_and_stays_small(wheel, unpacked):
  models = unpacked / 'vqvae_tf' / 'pretrained'
  assert {path.name for path in models.iterdir()} == PRETRAINED
  assert 5e6 < wheel.stat().st_size < MOST_BYTES
  for name in PRETRAINED:
    source = ROOT / 'assets' / 'models' / name
    for path in filter(pathlib.Path.is_file, source.rglob('*')):
      copy = models / name / path.relative_to(source)
      assert copy.read_bytes() == path.read_bytes()


_ALONE = """
import numpy as np
import vqvae_tf
assert vqvae_tf.__file__.startswith({home!r}), vqvae_tf.__file__
assert {{m.name for m in vqvae_tf.models()}} == {names!r}
model = vqvae_tf.load('mnist')
drawn = model.sample(2, label=7)
assert (model.decode(drawn.codes) == drawn.images).all()
kept = vqvae_tf.Codec('mnist').compress(drawn.images)
assert (vqvae_tf.Codec('mnist').decompress(kept) == drawn.images).all()
twin = vqvae_tf.keras.VQVAE.from_preset('mnist')
assert (twin.encode(drawn.images) == model.encode(drawn.images)).all()
"""


def test_works_without_a_repository(unpacked, tmp_path, environment):
  """Models by name in Python and by commands, pictures and samples included."""
  env = {**environment, 'PYTHONPATH': str(unpacked)}

  def run(code, *arguments):
    done = subprocess.run(
      [sys.executable, '-c', code, *arguments],
      cwd=tmp_path,
      env=env,
      capture_output=True,
      text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

  run(_ALONE.format(home=str(unpacked), names=PRETRAINED))
  command = 'from vqvae_tf.commands import {0}; {0}.main()'
  run(command.format('sample'), '--model=mnist', '--num=10', '--output=drawn')
  assert len(list((tmp_path / 'drawn' / 'images').iterdir())) == 10
  run(
    command.format('visualize'),
    '--model=fashion_mnist',
    '--only=samples',
    '--output=pictures',
  )
  assert len(list((tmp_path / 'pictures').glob('*.png'))) == 1
