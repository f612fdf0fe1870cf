"""Finds a Python that has vqvae_tf: this one, else the repository's .venv."""

import importlib
import importlib.util
import os
import sys
from pathlib import Path


def main(command: str) -> None:
  """Runs vqvae_tf.commands.<command>."""
  if all(map(importlib.util.find_spec, ('vqvae_tf', 'sonnet', 'absl'))):
    importlib.import_module(f'vqvae_tf.commands.{command}').main()
    return
  venv = Path(__file__).resolve().parent.parent / '.venv'
  python = venv / 'bin' / 'python'
  if Path(sys.prefix) == venv or not python.exists():
    sys.exit('error: vqvae_tf is not installed: run `make install` first')
  os.execv(python, [str(python), *sys.argv])
