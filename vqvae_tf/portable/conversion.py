"""What the formats that run without TensorFlow have in common."""

import contextlib
import functools
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

# The padding of `nets.resnet` where a side is odd.
_ODD = [[0, 0], [1, 1], [1, 1], [0, 0]]
# A sum of float32 in another order is nearer, what is converted wrongly is not.
_RTOL, _ATOL, _OTHERS = 1e-3, 1e-2, 0.01
_EXAMPLES = 8


class Unconvertible(Exception):
  """A door that the format cannot hold; its message says why."""


@contextlib.contextmanager
def tracing(has_cross_entropy: bool) -> Iterator[None]:
  """Has functions of TensorFlow traced in operations that a format has.

  A transposed convolution with padding in numbers is unknown to LiteRT, and
  tf2onnx 1.17 converts it wrongly. Within this context no other thread should
  trace a model.

  Args:
    has_cross_entropy: whether the format has TensorFlow's, one operation.
  """
  own = {
    'conv2d_transpose': functools.partial(_transposed, tf.nn.conv2d_transpose)
  }
  if not has_cross_entropy:
    own['sparse_softmax_cross_entropy_with_logits'] = _cross_entropy
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


def check_alike(
  door: Callable, converted: Callable[[dict[str, np.ndarray]], dict]
) -> None:
  """Compares a door with what it was converted to, on a few examples.

  A vector halfway between two embeddings may fall to the other side, and then
  all that follows of its example is other: what is converted wrongly has other
  values for most examples.

  Args:
    door: a `tf.function` with an input signature.
    converted: takes inputs by name to outputs by name, arrays.

  Raises:
    Unconvertible: if they give other values than rounding explains.
  """
  random = np.random.default_rng(0)
  inputs = {}
  for spec in door.input_signature:
    shape = [_EXAMPLES, *spec.shape[1:]]
    # Pixels that every likelihood knows, codes and labels that all have.
    value = random.integers(2, size=shape)
    scale = 255 if spec.dtype == tf.uint8 else 1
    inputs[spec.name] = (scale * value).astype(spec.dtype.as_numpy_dtype)
  found = converted(inputs)
  for key, value in door(**inputs).items():
    wanted = value.numpy().reshape(_EXAMPLES, -1)
    given = np.asarray(found[key]).reshape(_EXAMPLES, -1)
    if wanted.dtype.kind in 'iu':
      alike = (given != wanted).mean(1) <= _OTHERS
    else:
      alike = np.isclose(given, wanted, _RTOL, _ATOL).all(1)
    if alike.mean() < 0.5:
      raise Unconvertible(f'its {key} would have other values')
