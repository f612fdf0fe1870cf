"""Executes notebooks in place: `make notebooks`.

  python notebooks/execute.py [NOTEBOOK ...]

Their outputs are stored. What differs from run to run is not: warnings,
progress bars and times; nor are sliders, which need a running kernel.
"""

import os
import pathlib
import sys
import time

import nbformat
from nbclient import NotebookClient

FOLDER = pathlib.Path(__file__).resolve().parent
_SLIDER = 'application/vnd.jupyter.widget-view+json'
# Of one cell; all of a notebook's take about a minute on two idle cores. Not
# more: on a busy machine the wait for a reply that is there may last as long.
_SECONDS = 180


def execute(
  path: pathlib.Path, env: dict[str, str] | None = None
) -> nbformat.NotebookNode:
  """Runs all cells of a notebook, in the folder of the notebooks.

  Args:
    path: of the notebook, which is not changed.
    env: environment variables of its kernel; None: those of this process.

  Returns:
    The notebook with its new outputs.

  Raises:
    CellExecutionError: if a cell raises.
  """
  notebook = nbformat.read(path, as_version=4)
  client = NotebookClient(
    notebook,
    timeout=_SECONDS,
    kernel_name='python3',
    record_timing=False,
    resources={'metadata': {'path': str(FOLDER)}},
  )
  quiet = {'TF_CPP_MIN_LOG_LEVEL': '3'}
  client.execute(env={**(os.environ if env is None else env), **quiet})
  for cell in notebook.cells:
    if cell.cell_type == 'code':
      cell.outputs = [each for each in cell.outputs if _is_kept(each)]
  notebook.metadata.pop('widgets', None)
  return notebook


def _is_kept(output):
  return output.get('name') != 'stderr' and _SLIDER not in output.get(
    'data', {}
  )


def main() -> None:
  """Runs the script."""
  paths = [pathlib.Path(name) for name in sys.argv[1:]]
  for path in paths or sorted(FOLDER.glob('*.ipynb')):
    start = time.monotonic()
    nbformat.write(execute(path), path)
    print(f'{path.name}: {time.monotonic() - start:.0f} s')


if __name__ == '__main__':
  main()
