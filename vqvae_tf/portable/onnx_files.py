"""The doors of a model as .onnx files, one for each."""

import logging
from pathlib import Path

import numpy as np
import tensorflow as tf

from vqvae_tf import files
from vqvae_tf.models.doors import Doors
from vqvae_tf.portable import conversion

_OPSET = 18


def check_installed() -> None:
  """Imports what `convert` needs; an ImportError names what is not there."""
  import onnxruntime  # noqa: F401
  import tf2onnx  # noqa: F401


def convert(doors: Doors, folder: Path) -> dict[str, str]:
  """Writes NAME.onnx of those of the doors that ONNX Runtime can run.

  Inputs and outputs have the names of the signature; where both would have the
  same name, which ONNX does not allow, the output's ends in `_out`.

  Args:
    doors: made and first called within `conversion.tracing`.
    folder: for the files.

  Returns:
    By name of a door that is left out, why.

  Raises:
    OSError: if a file cannot be written.
  """
  reasons = {}
  for name, door in doors.items():
    try:
      content = _content(door)
    # Its converter and its runtime raise anything.
    except Exception as error:
      reasons[name] = files.one_line(error)
      continue
    with files.written(folder / f'{name}.onnx') as aside:
      aside.write_bytes(content)
  return reasons


def _content(door):
  import onnxruntime
  import tf2onnx

  # It logs what it tries; of what fails the runtime says more.
  for logger in ('tf2onnx', 'tf2onnx.tfonnx', 'tf2onnx.optimizer'):
    logging.getLogger(logger).setLevel(logging.CRITICAL)
  specs = door.input_signature
  taken = {spec.name for spec in specs}

  def renamed(*args):
    found = door(*args)
    return {
      f'{key}_out' if key in taken else key: value
      for key, value in found.items()
    }

  function = tf.function(renamed, input_signature=specs, autograph=False)
  model, _ = tf2onnx.convert.from_function(
    function,
    input_signature=specs,
    opset=_OPSET,
    custom_op_handlers={'Expm1': (_expm1, [])},
  )
  content = model.SerializeToString()
  # It converts what it does not know, too: the runtime refuses that.
  session = onnxruntime.InferenceSession(
    content, providers=['CPUExecutionProvider']
  )
  keys = [output.name.removesuffix('_out') for output in session.get_outputs()]
  conversion.check_alike(
    door, lambda x: dict(zip(keys, session.run(None, x), strict=True))
  )
  return content


def _expm1(graph, node, name, _):
  """Writes e^x - 1 = 2 t / (1 - t), t = tanh(x / 2), which ONNX has.

  Unlike a difference it loses no digits near zero.
  """
  dtype = graph.get_dtype(node.output[0])

  def made(kind, inputs, **kwargs):
    return graph.make_node(kind, inputs, dtypes=[dtype], **kwargs).output[0]

  def number(value):
    array = np.array(value, np.float32)
    return graph.make_const(f'{name}/{value}', array).output[0]

  # Its output is that of the last operation from here on.
  inputs, outputs, shapes = node.input, node.output, node.output_shapes
  graph.remove_node(node.name)
  t = made('Tanh', [made('Mul', [inputs[0], number(0.5)])])
  above = made('Mul', [t, number(2.0)])
  below = made('Sub', [number(1.0), t])
  made('Div', [above, below], outputs=outputs, shapes=shapes, name=name)
