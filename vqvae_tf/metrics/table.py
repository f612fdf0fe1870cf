"""Metrics as lines for the screen."""

import math

from vqvae_tf.media import image_files
from vqvae_tf.metrics.measure import Metrics


def table(result: Metrics, files: dict | None = None) -> str:
  """Returns the metrics as lines for the screen.

  Args:
    result: of a split.
    files: of the same split, as `measure_files` returns them.
  """
  rows = [
    ('images', f'{result.num_examples:,}'),
    ('bits/dim', f'{_number(result.bits_per_dim):.4f}', _interval(result)),
    ('  pixels, -log2 p(x|z)', f'{_number(result.pixel_bits_per_dim):.4f}'),
    *_rows_of_priors(result),
    *_rows_of_codes(result),
    *_rows_of_errors(result),
    ('codes in use', f'{100 * result.codes_in_use:.1f} %'),
    ('perplexity of the codes', f'{result.perplexity:.1f}'),
    ('entropy of a code', f'{result.entropy_bits:.3f} bits'),
  ]
  if files:
    rows += _file_rows(files)
  return '\n'.join(
    f'{name:<30}{value:>12}{"".join(rest)}' for name, value, *rest in rows
  )


def _rows_of_priors(result):
  """Yields what the codes cost."""
  uniform = f'{result.code_bits_per_dim:.4f}'
  learned, given_class = (
    result.code_bits_learned_per_dim,
    result.code_bits_given_class_per_dim,
  )
  if learned is None:
    yield '  codes, uniform p(z)', uniform
    return
  note = f' = {_number(result.bits_per_code):.4f} bits per code'
  yield '  codes, learned p(z)', f'{learned:.4f}', note
  if given_class is not None:
    yield 'codes, p(z|y) given the class', f'{given_class:.4f}'
  yield 'codes, uniform p(z)', uniform
  total = _number(result.pixel_bits_per_dim) + result.code_bits_per_dim
  yield 'bits/dim, uniform p(z)', f'{total:.4f}'


def _rows_of_codes(result):
  """Yields what the codes are worth."""
  shuffled, codeless = (
    result.shuffled_bits_per_dim,
    result.codeless_bits_per_dim,
  )
  if shuffled is not None:
    yield 'pixels, codes of others', f'{shuffled:.4f}'
  if codeless is not None:
    yield 'pixels, trained without codes', f'{codeless:.4f}'
    saved = codeless - _number(result.pixel_bits_per_dim)
    prior, cost = 'learned', result.code_bits_learned_per_dim
    if cost is None:
      prior, cost = 'uniform', result.code_bits_per_dim
    note = f' under the {prior} p(z)'
    # A prior is sure of codes that never change.
    worth = saved / cost if cost else math.nan
    yield 'bits saved per bit of codes', f'{worth:.3f}', note


def _rows_of_errors(result):
  if result.mse is None:
    return
  decibels = _number(result.psnr_db)
  count = f' one sample each, {result.num_sampled} images'
  note = count if result.num_sampled else ''
  yield 'MSE (grey levels squared)', f'{result.mse:.2f}', note
  yield 'PSNR', f'{decibels:.2f} dB', note


def _number(value):
  """Returns a value that JSON had no word for: infinity."""
  return math.inf if value is None else value


def _interval(result):
  error = _number(result.bits_per_dim_error)
  # One image has no interval.
  if not math.isfinite(error):
    return ''
  return f' +- {error:.4f} (95 %)'


def _file_rows(files):
  yield 'files of them, bits/dim', '', ' headers included'
  for name, value in files.items():
    yield f'  {image_files.DESCRIPTIONS[name]}', f'{value:.4f}'
