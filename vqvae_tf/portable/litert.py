"""The doors of a model as one .tflite file, a signature for each."""

import contextlib
import os
from pathlib import Path

import tensorflow as tf

from vqvae_tf import files
from vqvae_tf.models.doors import Doors
from vqvae_tf.portable import conversion
from vqvae_tf.portable.conversion import Unconvertible

# Of the converter's message, which names the operations that it lacks.
_LACKS = 'TF Select ops: '


def check_installed() -> None:
  """Imports what `convert` needs; an ImportError names what is not there."""
  from ai_edge_litert import interpreter  # noqa: F401


def convert(doors: Doors, keeper: tf.Module, folder: Path) -> dict[str, str]:
  """Writes model.tflite with those of the doors that it can hold.

  Args:
    doors: made and first called within `conversion.tracing`.
    keeper: holds the variables.
    folder: for the file, and for a SavedModel in between.

  Returns:
    By name of a door that is left out, why.

  Raises:
    OSError: if a file cannot be written.
  """
  reasons = {}
  try:
    content = _content(doors, keeper, folder)
  except Unconvertible:
    kept = {}
    for name, door in doors.items():
      try:
        content = _content({name: door}, keeper, folder)
        kept[name] = door
      except Unconvertible as error:
        reasons[name] = str(error)
    if len(kept) > 1:
      content = _content(kept, keeper, folder)
  with files.written(folder / 'model.tflite') as aside:
    aside.write_bytes(content)
  return reasons


def _content(doors, keeper, folder):
  from ai_edge_litert.interpreter import Interpreter

  place = folder / '.saved'
  module = tf.Module()
  module.keeper = keeper
  # Of a function TensorFlow would make another graph.
  graphs = {name: door.get_concrete_function() for name, door in doors.items()}
  tf.saved_model.save(module, str(place), signatures=graphs)
  converter = tf.lite.TFLiteConverter.from_saved_model(
    str(place), signature_keys=list(doors)
  )
  try:
    # The converter's notes come from C++; what matters of them is raised.
    with _silence():
      content = converter.convert()
      # What it converts its runtime need not know.
      interpreter = Interpreter(model_content=content)
      for name, door in doors.items():
        runner = interpreter.get_signature_runner(name)
        conversion.check_alike(door, lambda x, run=runner: run(**x))
  except Unconvertible:
    raise
  # Their classes are private.
  except Exception as error:
    raise Unconvertible(_reason(error)) from error
  return content


def _reason(error):
  text = str(error)
  if _LACKS in text:
    lacking = text.split(_LACKS)[1].split('\n')[0]
    return f'LiteRT lacks the operations {lacking}'
  return files.one_line(error)


@contextlib.contextmanager
def _silence():
  """Turns away what C++ writes to the standard error."""
  kept = os.dup(2)
  with open(os.devnull, 'w') as nowhere:
    os.dup2(nowhere.fileno(), 2)
  try:
    yield
  finally:
    os.dup2(kept, 2)
    os.close(kept)
