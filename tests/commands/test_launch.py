"""How bin/* find a Python with the package."""

import ast
import os
import pathlib
import shutil
import stat
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMANDS = sorted(
  path.stem
  for path in (ROOT / 'vqvae_tf' / 'commands').glob('*.py')
  if path.stem not in ('__init__', 'cli')
)


@pytest.fixture
def bare(tmp_path, environment):
  """Runs a copy of bin/NAME in a Python without any package."""
  shutil.copytree(ROOT / 'bin', tmp_path / 'bin')
  env = {k: v for k, v in environment.items() if k != 'PYTHONPATH'}

  def run(name, *flags):
    return subprocess.run(
      # -S: no site-packages.
      [sys.executable, '-S', str(tmp_path / 'bin' / name), *flags],
      capture_output=True,
      text=True,
      env=env,
    )

  return run


def test_every_command_has_its_executable():
  executables = [
    path.name
    for path in (ROOT / 'bin').iterdir()
    if os.access(path, os.X_OK) and path.is_file()
  ]
  assert sorted(executables) == COMMANDS
  for name in COMMANDS:
    lines = (ROOT / 'bin' / name).read_text().splitlines()
    assert lines == [
      '#!/usr/bin/env python3',
      'import launch',
      f"launch.main('{name}')",
    ]


def test_every_command_is_installed():
  tree = ast.parse((ROOT / 'setup.py').read_text())
  [commands] = [
    ast.literal_eval(node.value)
    for node in tree.body
    if isinstance(node, ast.Assign) and node.targets[0].id == 'COMMANDS'
  ]
  assert sorted(commands) == COMMANDS


def test_nothing_is_installed(bare):
  done = bare('train', '--help')
  assert done.returncode == 1
  assert done.stderr == (
    'error: vqvae_tf is not installed: run `make install` first\n'
  )


def test_the_virtual_environment_of_the_repository_is_used(bare, tmp_path):
  python = tmp_path / '.venv' / 'bin' / 'python'
  python.parent.mkdir(parents=True)
  python.write_text('#!/bin/sh\necho "$@"\n')
  python.chmod(python.stat().st_mode | stat.S_IXUSR)
  done = bare('mnist', '--steps=3', '--help')
  assert done.stdout.split() == [
    str(tmp_path / 'bin' / 'mnist'),
    '--steps=3',
    '--help',
  ]
