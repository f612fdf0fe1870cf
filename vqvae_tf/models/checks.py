"""Checks of what a graph is given, as far as it is known."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from vqvae_tf.codes import checked_codes


def check(
  name: str, values: Any, must: str, is_fine: Callable[[Any], bool]
) -> None:
  """Checks values that are known: those of a graph are not.

  Raises:
    ValueError: saying that `name` must be `must`, if a value is not fine.
  """
  known = tf.get_static_value(tf.convert_to_tensor(values))
  if known is None:
    return
  wrong = [value for value in known.ravel().tolist() if not is_fine(value)]
  if wrong:
    raise ValueError(f'{name} must be {must}, not {wrong[0]}.')


def kept_codes(
  given: tf.Tensor | None,
  mask: tf.Tensor | None,
  shape: list,
  codebook_sizes: tuple[int, ...],
) -> tuple[tf.Tensor, tf.Tensor]:
  """Returns the codes to keep and which they are, both of a shape [B, ..., M].

  Args:
    given: int `[B or 1, ..., M]`, or None.
    mask: bool `[B or 1, ...]` or `[B or 1, ..., M]`, or None.
    shape: of the codes; B may be a tensor.
    codebook_sizes: K of each codebook.

  Raises:
    ValueError: if one of both is missing, or of another shape.
    InvalidArgumentError: if a code that is kept is out of range.
  """
  if given is None and mask is None:
    return tf.zeros(shape, tf.int32), tf.zeros(shape, tf.bool)
  if given is None or mask is None:
    raise ValueError('to keep codes, give both: given and mask.')
  given, mask = tf.cast(given, tf.int32), tf.cast(mask, tf.bool)
  if mask.shape.rank == len(shape) - 1:
    mask = mask[..., tf.newaxis]
  # Broadcasting would put other shapes anywhere.
  _check_shape('given', given, shape)
  whole = [*shape[:-1], 1] if mask.shape[-1:] == [1] else shape
  _check_shape('mask', mask, whole)
  # What is not kept may be anything.
  given = tf.where(mask, given, 0)
  given = checked_codes(given, codebook_sizes)
  return tf.broadcast_to(given, shape), tf.broadcast_to(mask, shape)


def _check_shape(name, tensor, shape):
  """Checks what is known of a shape, whose first dimension may also be 1."""
  batch, *rest = shape
  batches = (None, 1, tf.get_static_value(batch))
  found = tensor.shape
  if found.rank != len(shape) or not (
    found[1:].is_compatible_with(rest)
    and (found[0] in batches or batches[-1] is None)
  ):
    raise ValueError(
      f'{name} must be of shape [B or 1, {", ".join(map(str, rest))}], not '
      f'{found}.'
    )
