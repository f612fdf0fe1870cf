"""The rules of the house, read from the source."""

import ast
import importlib
import pathlib
import subprocess
import sys

import pytest

import vqvae_tf

ROOT = pathlib.Path(vqvae_tf.__file__).parent
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_ARGUMENTS = 400, 50, 8
MAX_LOOSE, MAX_FILES = 8, 15

# From the ground up: a room imports from lower floors, or stays in itself.
FLOORS = (
  {'bits', 'errors', 'files', 'noise', 'replicas', 'version'},
  {'codes', 'exact', 'media', 'nets', 'optimizers'},
  {'codec', 'datasets', 'likelihoods', 'quantizers'},
  {'configs', 'models'},
  {'build', 'metrics'},
  {'runs'},
  {'training'},
  {'priors'},
  {'serving'},
  {'evaluation', 'keras', 'portable', 'sampling'},
  {'visualization'},
  {'commands'},
)
# They load TensorFlow late.
LAZY = {'vqvae_tf', 'vqvae_tf.datasets'}
# Reading a file takes no TensorFlow, writing one does.
LATE = {'vqvae_tf.serving.codec'}
# Sonnet's seven arguments are a contract.
LONG_CONSTRUCTORS = {'VectorQuantizerEMA'}


def _module_name(path):
  parts = path.relative_to(ROOT.parent).with_suffix('').parts
  return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


FILES = {_module_name(path): path for path in sorted(ROOT.rglob('*.py'))}
TREES = {name: ast.parse(path.read_text()) for name, path in FILES.items()}
modules = pytest.mark.parametrize('module', FILES)


def room(module):
  """The package or file below vqvae_tf that a module belongs to."""
  return module.split('.')[1] if '.' in module else None


def imported(node):
  """The modules of vqvae_tf that an import statement names."""
  if isinstance(node, ast.Import):
    names = [alias.name for alias in node.names]
    return [name for name in names if name.split('.')[0] == 'vqvae_tf']
  if not node.module or node.module.split('.')[0] != 'vqvae_tf':
    return []
  below = [f'{node.module}.{alias.name}' for alias in node.names]
  return [name if name in FILES else node.module for name in below]


def imports(tree):
  kinds = (ast.Import, ast.ImportFrom)
  return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def functions(tree):
  kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
  return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def floor(name):
  """How high a room is; -1 if it has no floor."""
  found = [i for i, rooms in enumerate(FLOORS) if name in rooms]
  return found[0] if found else -1


def may_import(importer, target):
  """Whether the floors allow it, by names of modules."""
  a, b = room(importer), room(target)
  if a is None or a == b:
    return True
  return b is not None and floor(b) < floor(a)


@pytest.mark.parametrize(
  'importer, target, expected',
  [
    ('vqvae_tf.models.vqvae', 'vqvae_tf.bits', True),
    ('vqvae_tf.models.vqvae', 'vqvae_tf.models', True),
    ('vqvae_tf.training.step', 'vqvae_tf.build', True),
    ('vqvae_tf.codes', 'vqvae_tf.errors', True),
    ('vqvae_tf.bits', 'vqvae_tf.metrics', False),
    ('vqvae_tf.nets.resnet', 'vqvae_tf.quantizers.nearest', False),
    ('vqvae_tf.files', 'vqvae_tf.errors', False),
    ('vqvae_tf.models.vqvae', 'vqvae_tf.metrics', False),
    ('vqvae_tf.training.step', 'vqvae_tf.commands.cli', False),
    ('vqvae_tf.models.vqvae', 'vqvae_tf', False),
  ],
)
def test_the_rule_itself(importer, target, expected):
  assert may_import(importer, target) == expected


def test_every_room_has_a_floor():
  placed = [name for rooms in FLOORS for name in rooms]
  assert sorted(placed) == sorted({room(name) for name in FILES} - {None})


@modules
def test_imports_go_down_or_stay_in_the_room(module):
  for node in imports(TREES[module]):
    for target in imported(node):
      assert may_import(module, target), (
        f'{module}:{node.lineno} imports {target}: what two rooms share '
        'moves down a floor'
      )


@modules
def test_imports_are_absolute(module):
  nodes = imports(TREES[module])
  assert not [n for n in nodes if isinstance(n, ast.ImportFrom) and n.level]


def test_no_import_goes_round_in_a_circle():
  # A package's own files import each other below its __init__.
  edges = {
    name: {
      target
      for node in imports(TREES[name])
      for target in imported(node)
      if not name.startswith(f'{target}.') and name not in LAZY
    }
    for name in FILES
  }
  done = set()
  while rest := set(FILES) - done:
    ready = {name for name in rest if edges[name] <= done}
    assert ready, f'these import each other: {sorted(rest)}'
    done |= ready


@modules
def test_no_project_import_inside_a_function(module):
  if room(module) == 'commands' or module in LAZY | LATE:
    return
  for function in functions(TREES[module]):
    for node in imports(function):
      assert not imported(node), f'{module}:{node.lineno}'


@modules
def test_no_hidden_import_but_in_the_lazy_doors(module):
  if module in LAZY | {'vqvae_tf.commands.cli'}:
    return
  names = {n.id for n in ast.walk(TREES[module]) if isinstance(n, ast.Name)}
  assert not names & {'importlib', '__import__'}


@modules
def test_sizes(module):
  lines = len(FILES[module].read_text().splitlines())
  assert lines <= MAX_FILE_LINES
  for function in functions(TREES[module]):
    length = function.end_lineno - function.lineno + 1
    assert length <= MAX_FUNCTION_LINES, f'{module}.{function.name}: {length}'


def number_of_arguments(function):
  arguments = function.args
  return len(arguments.posonlyargs + arguments.args[1:] + arguments.kwonlyargs)


@modules
def test_constructors_are_short(module):
  """A ninth argument wants a new class (fields of tuples do not count)."""
  for node in ast.walk(TREES[module]):
    if not isinstance(node, ast.ClassDef) or node.name in LONG_CONSTRUCTORS:
      continue
    for function in node.body:
      if getattr(function, 'name', None) == '__init__':
        count = number_of_arguments(function)
        assert count <= MAX_ARGUMENTS, f'{module}.{node.name}: {count}'


def test_a_room_is_small():
  rooms = [path for path in ROOT.iterdir() if (path / '__init__.py').exists()]
  assert len(list(ROOT.glob('*.py'))) <= MAX_LOOSE
  for path in rooms:
    files = [file for file in path.glob('*.py') if file.name != '__init__.py']
    assert len(files) <= MAX_FILES, path


def test_helpers_live_with_their_noun():
  words = ('utils', 'util', 'helpers', 'common', 'misc')
  assert not [name for name in FILES if name.split('.')[-1] in words]


@modules
def test_every_public_name_is_there(module):
  if not FILES[module].name == '__init__.py':
    return
  package = importlib.import_module(module)
  names = getattr(package, '__all__', [])
  assert len(set(names)) == len(names)
  for name in names:
    assert getattr(package, name) is not None
  with pytest.raises(AttributeError, match='nothing_of_the_kind'):
    _ = package.nothing_of_the_kind


def test_the_door_leads_to_the_rooms():
  for name, home in vqvae_tf._HOMES.items():
    package = importlib.import_module(f'vqvae_tf.{home}')
    if name == home:  # a room by its own name
      assert getattr(vqvae_tf, name) is package
      continue
    assert getattr(vqvae_tf, name) is getattr(package, name)
    assert name in package.__all__
  assert set(vqvae_tf.__all__) == {*vqvae_tf._HOMES, '__version__'}
  assert dir(vqvae_tf) == sorted(vqvae_tf.__all__)


def test_tools_for_types_see_the_same_door():
  """The names under TYPE_CHECKING are those that load late."""
  for module in LAZY:
    (block,) = (n for n in TREES[module].body if isinstance(n, ast.If))
    seen = {
      alias.name: node.module for node in block.body for alias in node.names
    }
    package = importlib.import_module(module)
    homes = dict(getattr(package, '_HOMES', None) or package._HOME)
    if 'models' in homes:
      # Both a room and the function of its name: tools know the one.
      homes['models'] = 'serving.shipped'
    assert seen == {
      name: module if name == home else f'{module}.{home}'
      for name, home in homes.items()
    }


def test_doors_load_no_tensorflow():
  names = ['vqvae_tf', 'vqvae_tf.datasets', 'vqvae_tf.configs.presets']
  names += [name for name in FILES if room(name) == 'commands']
  code = (
    f'import importlib, sys; [importlib.import_module(n) for n in {names}];'
    "print(*{'tensorflow', 'sonnet', 'numpy'} & {*sys.modules})"
  )
  result = subprocess.run(
    [sys.executable, '-c', code],
    cwd=ROOT.parent,
    capture_output=True,
    text=True,
    check=False,
  )
  assert (result.stdout.strip(), result.stderr) == ('', '')
