"""Batches of uint8 examples `[B, ..., C]`: images, sounds, clips."""

import math


def check_examples(examples) -> None:
  """Checks that a batch is uint8 `[B, ..., C]` of rank 3 or more.

  Args:
    examples: tensor or array: images `[B, H, W, C]`, sounds `[B, T, C]` or
      clips `[B, T, H, W, C]`.

  Raises:
    ValueError: for another dtype or rank; the message says which was given.
  """
  name = getattr(examples.dtype, 'name', str(examples.dtype))
  if name != 'uint8':
    raise ValueError(
      f'examples must be uint8 with values 0..255, not {name}: round and '
      'clip them first'
    )
  if len(examples.shape) < 3:
    raise ValueError(
      'examples must be [B, ..., C] of rank 3 or more, as images [B, H, W, C], '
      f'not of shape {tuple(examples.shape)}'
    )


def psnr_db(mse: float) -> float:
  """Returns the peak signal-to-noise ratio in decibels.

  PSNR = 10 log10(255^2 / MSE), with the MSE over all values of an example.

  Args:
    mse: mean squared error in squared grey levels (0..65025).

  Returns:
    Decibels; infinity for an MSE of zero.

  Examples:
    >>> round(psnr_db(100.0), 2)
    28.13
  """
  return math.inf if mse == 0 else 10 * math.log10(255**2 / mse)
