"""The notebooks run, and their outputs are stored."""

import importlib.util
import pathlib

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

FOLDER = pathlib.Path(__file__).resolve().parents[2] / 'notebooks'
PATHS = sorted(FOLDER.glob('*.ipynb'))
notebooks = pytest.mark.parametrize('path', PATHS, ids=lambda path: path.stem)

_spec = importlib.util.spec_from_file_location('run', FOLDER / 'execute.py')
run = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(run)


def _code(notebook):
  return [cell for cell in notebook.cells if cell.cell_type == 'code']


def _outputs(notebook):
  return [output for cell in _code(notebook) for output in cell.outputs]


def test_all_are_there():
  assert [path.stem[:2] for path in PATHS] == ['01', '02', '03', '04', '05']


@notebooks
def test_runs(path, environment):
  made = _outputs(run.execute(path, environment))
  kinds = {kind for output in made for kind in output.get('data', ())}
  assert 'image/png' in kinds


@notebooks
def test_outputs_are_stored(path):
  notebook = nbformat.read(path, as_version=4)
  nbformat.validate(notebook)
  counts = [cell.execution_count for cell in _code(notebook)]
  assert counts == list(range(1, len(counts) + 1)), 'run `make notebooks`'
  kept = _outputs(notebook)
  assert not [o for o in kept if o.get('name') == 'stderr']
  assert not [o for o in kept if o.output_type == 'error']
  assert 'widgets' not in notebook.metadata


def _notebook(tmp_path, *sources):
  cells = [nbformat.v4.new_code_cell(source) for source in sources]
  notebook = nbformat.v4.new_notebook(cells=cells)
  nbformat.write(notebook, tmp_path / 'a.ipynb')
  return tmp_path / 'a.ipynb'


def test_keeps_what_does_not_differ_from_run_to_run(tmp_path, environment):
  path = _notebook(
    tmp_path,
    "import sys; print('result'); print('warning', file=sys.stderr)",
    'import ipywidgets; display(ipywidgets.IntSlider())',
  )
  notebook = run.execute(path, environment)
  (output,) = _outputs(notebook)
  assert (output['name'], output['text']) == ('stdout', 'result\n')
  assert 'widgets' not in notebook.metadata


def test_a_missing_model_is_named(tmp_path, environment):
  path = _notebook(
    tmp_path,
    "import tensorflow as tf; tf.saved_model.load('../assets/models/no_such')",
  )
  with pytest.raises(CellExecutionError, match='assets/models/no_such'):
    run.execute(path, environment)
