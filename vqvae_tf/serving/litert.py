"""The doors of a model as one .tflite file, a signature for each."""

import contextlib
import functools
import os
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from vqvae_tf import files
from vqvae_tf.models.doors import Doors

# Of the converter's message, which names the operations that it lacks.
_LACKS = 'TF Select ops: '
# The padding of `nets` where a side is odd.
_ODD = [[0, 0], [1, 1], [1, 1], [0, 0]]


class Unconvertible(Exception):
  """A door that the format cannot hold; its message says why."""


def check_installed() -> None:
  """Imports what `convert` needs; an ImportError names what is not there."""
  from ai_edge_litert import interpreter  # noqa: F401


@contextlib.contextmanager
def tracing() -> Iterator[None]:
  """Has two functions of TensorFlow traced in operations that LiteRT has.

  They are one operation each, faster in training, which LiteRT lacks. Within
  this context no other thread should trace a model.
  """
  own = {
    'sparse_softmax_cross_entropy_with_logits': _cross_entropy,
    'conv2d_transpose': functools.partial(_transposed, tf.nn.conv2d_transpose),
  }
  theirs = {name: getattr(tf.nn, name) for name in own}
  try:
    for name, function in own.items():
      setattr(tf.nn, name, function)
    yield
  finally:
    for name, function in theirs.items():
      setattr(tf.nn, name, function)


def _transposed(theirs, inputs, w, shape, stride, padding):
  """A transposed convolution whose padding may be numbers, as of `nets`."""
  if padding != _ODD or w.shape[0] != 4 or stride != 2:
    return theirs(inputs, w, shape, stride, padding)
  # Equal to it, as `nets.resnet` says of what is no image.
  ends = [[0, 0], *([0, side % 2] for side in shape[1:3]), [0, 0]]
  return theirs(tf.pad(inputs, ends), w, shape, stride, 'SAME')


def _cross_entropy(labels, logits, name=None):
  """-log softmax(logits)[labels], for labels [...] and logits [..., K]."""
  del name
  places = tf.range(logits.shape[-1], dtype=labels.dtype)
  chosen = tf.equal(tf.expand_dims(labels, -1), places)
  # A sum of one: zero times minus infinity would be no number.
  logs = tf.where(chosen, tf.nn.log_softmax(logits), 0.0)
  return -tf.reduce_sum(logs, -1)


def convert(doors: Doors, keeper: tf.Module, folder: Path) -> dict[str, str]:
  """Writes model.tflite with those of the doors that it can hold.

  Args:
    doors: made and first called within `tracing`.
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
      Interpreter(model_content=content).get_signature_list()
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
