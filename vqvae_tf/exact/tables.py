"""Functions of which every machine must know the same values, as tables.

They are made of integers and decimal fractions alone. Those of real numbers
have a point every 2^-10; distribution functions have straight lines between
their points, which are off by 2^-24 at most.
"""

import functools
from decimal import Decimal, localcontext

import numpy as np

# Distribution functions end at 2^28.
CDF = 28
# Points of a table for a step of one.
POINTS = 1024
# The functions of gates end at 2^14.
GATE = 14
_LAST_LOGISTIC = 22
_LAST_NORMAL = 7
_LAST_EXP = 24
EXP = 32
# Log-scales lie in (-8, 8).
_LAST_LOG_SCALE = 8
_SCALE_BITS = 20
_DIGITS = 50


@functools.cache
def logistic() -> 'Curve':
  """Returns 1 / (1 + exp(-x)), of points x = -22, -22 + 2^-10, .. 22."""
  return Curve(_logistic())


@functools.cache
def _logistic():
  half = [
    _rounded(2**CDF / (1 + power))
    for power in _powers(-1, POINTS, _LAST_LOGISTIC)
  ]
  return _symmetric(half)


@functools.cache
def sigmoid() -> np.ndarray:
  """Returns 2^14 / (1 + exp(-x)), rounded, for the same x as `logistic`."""
  return np.rint(_logistic() / 2 ** (CDF - GATE))


@functools.cache
def tanh() -> np.ndarray:
  """Returns 2^14 tanh(x), rounded, for x = -11, -11 + 2^-10, .. 11."""
  # tanh(x) = 2 F(2 x) - 1.
  return np.rint(_logistic()[::2] / 2 ** (CDF - GATE - 1)) - 2**GATE


@functools.cache
def normal() -> 'Curve':
  """Returns Phi(x), of points x = -7, -7 + 2^-10, .. 7."""
  half = []
  with localcontext() as context:
    context.prec = _DIGITS
    pi = _pi()
    for k in range(_LAST_NORMAL * POINTS + 1):
      x = Decimal(k) / POINTS
      # Phi(x) - 1/2 = phi(x) (x + x^3 / 3 + x^5 / (3 5) + ..).
      term = total = x
      n = 1
      while term > Decimal(10) ** -20:
        n += 2
        term *= x * x / n
        total += term
      density = (-x * x / 2).exp() / (2 * pi).sqrt()
      half.append(_rounded(2**CDF * (Decimal('0.5') + density * total)))
  return Curve(_symmetric(half))


@functools.cache
def exp() -> np.ndarray:
  """Returns 2^32 exp(-x), rounded, for x = 0, 2^-10, .. 24; then 0."""
  powers = _powers(-1, POINTS, _LAST_EXP)
  return np.float64([_rounded(2**EXP * power) for power in powers] + [0])


@functools.cache
def precision() -> np.ndarray:
  """Returns exp(-x) / 255 with 20 bits, for x = -8, -8 + 2^-10, .. 8.

  That of a log-scale x in the pixel range is the inverse of the scale in grey
  levels. The bits leave room for an exact product.
  """
  falling = _powers(-1, POINTS, _LAST_LOG_SCALE)
  rising = _powers(1, POINTS, _LAST_LOG_SCALE)
  values = [*rising[:0:-1], *falling]
  return np.float64([_with_bits(value / 255, _SCALE_BITS) for value in values])


@functools.cache
def waves(frequencies: tuple[int, ...]) -> np.ndarray:
  """Returns 2^14 cos and sin of 2 pi f v / 256, rounded: [256, 2 F].

  Of each frequency f first the cosines, for v = 0 .. 255.
  """
  angles = 2 * np.pi / 256 * np.outer(np.arange(256), frequencies)
  # No value is near the middle between two integers, so that no library's last
  # digit matters: a test has them.
  both = np.stack([np.cos(angles), np.sin(angles)], -1)
  return np.rint(2**14 * both).reshape(256, -1)


class Curve:
  """A distribution function as a table, with lines between its points.

  Args:
    values: 2^28 times the function, symmetric around its middle.
  """

  def __init__(self, values: np.ndarray):
    self._values = values
    self._slopes = np.append(np.diff(values), 0) / POINTS
    self._end = float((len(values) - 1) // 2 * POINTS)

  def __call__(self, places: np.ndarray) -> np.ndarray:
    """Returns 2^28 times the function.

    Args:
      places: float64, 2^20 times x, integers; far ones are those at the ends.

    Returns:
      float64 integers of the same shape, never falling as x grows.
    """
    places = np.maximum(places, -self._end)
    np.minimum(places, self._end, out=places)
    places += self._end
    points = (places * (1 / POINTS)).astype(np.intp)
    places -= POINTS * points
    rises = self._slopes.take(points)
    rises *= places
    np.floor(rises, out=rises)
    rises += self._values.take(points)
    return rises


def _powers(sign, points, last):
  """Returns exp(sign k / points) for k = 0 .. last points, as decimals."""
  with localcontext() as context:
    context.prec = _DIGITS
    step = (Decimal(sign) / points).exp()
    powers = [Decimal(1)]
    for _ in range(last * points):
      powers.append(powers[-1] * step)
  return powers


def _rounded(value):
  return int(value.to_integral_value())


def _with_bits(value, bits):
  """Returns a positive decimal as a float of so many significant bits."""
  _, exponent = np.frexp(float(value))
  shift = bits - int(exponent)
  scaled = value * 2**shift if shift >= 0 else value / 2**-shift
  return _rounded(scaled) * 2.0**-shift


def _symmetric(half):
  """Returns a distribution function of which the upper half is given."""
  return np.float64([2**CDF - value for value in half[:0:-1]] + half)


def _pi():
  """Returns pi by Machin's formula, in the current precision."""

  def arctangent_of_inverse(n):
    term = total = Decimal(1) / n
    k, square = 1, n * n
    while abs(term) > Decimal(10) ** -(_DIGITS + 2):
      term /= -square
      k += 2
      total += term / k
    return total

  return 4 * (4 * arctangent_of_inverse(5) - arctangent_of_inverse(239))
