"""The doors of a model as one .tflite file, a signature for each."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from vqvae_tf import files
from vqvae_tf.models.doors import Doors

# Of the converter's message, which names the operations that it lacks.
_LACKS = 'TF Select ops: '


class Unconvertible(Exception):
  """A door that the format cannot hold; its message says why."""


@contextlib.contextmanager
def tracing() -> Iterator[None]:
  """Has cross entropies traced in operations that LiteRT has.

  TensorFlow's own is one operation, faster in training, and LiteRT lacks it.
  Within this context no other thread should trace one.
  """
  fused = tf.nn.sparse_softmax_cross_entropy_with_logits
  tf.nn.sparse_softmax_cross_entropy_with_logits = _cross_entropy
  try:
    yield
  finally:
    tf.nn.sparse_softmax_cross_entropy_with_logits = fused


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
  # The converter's notes come from C++; what matters of them is raised.
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
    with _silence():
      return converter.convert()
  # Its class is private.
  except Exception as error:
    raise Unconvertible(_reason(error)) from error


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
