"""Public functions say what they take and return; `make lint` runs mypy."""

import ast
import pathlib

import pytest

import vqvae_tf

ROOT = pathlib.Path(vqvae_tf.__file__).parent
ROOMS = (
  'configs',
  'datasets',
  'keras',
  'likelihoods',
  'models',
  'nets',
  'quantizers',
  'serving',
)
FILES = [path for room in ROOMS for path in sorted((ROOT / room).glob('*.py'))]
_CALLED = ('__init__', '__call__')


def public_functions(body, is_class=False):
  """Yields the functions of a module and of its public classes."""
  for node in body:
    name = getattr(node, 'name', '_')
    if isinstance(node, ast.ClassDef) and not name.startswith('_'):
      yield from public_functions(node.body, True)
    if isinstance(node, ast.FunctionDef):
      if not name.startswith('_') or name in _CALLED:
        yield node, is_class


def missing(function, is_method):
  """Returns which of the annotations of a function are not there."""
  arguments = function.args
  named = arguments.posonlyargs + arguments.args
  several = [a for a in (arguments.vararg, arguments.kwarg) if a]
  named = named[1 if is_method else 0 :] + arguments.kwonlyargs + several
  names = [argument.arg for argument in named if not argument.annotation]
  returns = function.returns or function.name == '__init__'
  return names if returns else [*names, 'return']


@pytest.mark.parametrize(
  'path', FILES, ids=[f'{path.parent.name}.{path.stem}' for path in FILES]
)
def test_public_functions_are_annotated(path):
  for function, is_method in public_functions(ast.parse(path.read_text()).body):
    found = missing(function, is_method)
    assert not found, f'{path.name}: {function.name} has no type of {found}'
