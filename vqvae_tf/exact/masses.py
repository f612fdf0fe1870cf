"""p(pixel | parameters) of each likelihood, in integers.

Parameters are activations: see `grid`. They mean what they mean to the classes
of `vqvae_tf.likelihoods`; a test compares the masses.
"""

import abc
from collections.abc import Generator, Mapping

import numpy as np

from vqvae_tf.exact import tables
from vqvae_tf.exact.grid import ONE, passes
from vqvae_tf.exact.laws import (
  LEVELS,
  Bins,
  Interval,
  Law,
  Softmax,
  shares,
)

# Of log-scales; see `likelihoods.scales`.
_LINEAR, _MOST = 7 * ONE, 8 * ONE


class Masses(abc.ABC):
  """The likelihood of a pixel.

  Args:
    channels: C.
    num_params: P.
  """

  def __init__(self, channels: int, num_params: int):
    self.channels = channels
    self.num_params = num_params

  @abc.abstractmethod
  def laws(self, params: np.ndarray) -> Generator[Law, np.ndarray, None]:
    """Yields the law of each channel of pixels, and is sent their values.

    Args:
      params: float64 `[N, P]`, activations.
    """

  def features(self, pixels: np.ndarray) -> np.ndarray:
    """Returns what a causal network reads of pixels.

    Args:
      pixels: uint8 `[..., C]`.

    Returns:
      float64 `[..., F]`, activations.
    """
    return np.rint((2.0 * pixels - 255) / 255 * ONE)

  def has_mass(self, pixels: np.ndarray) -> bool:
    """Returns whether pixels are possible at all."""
    del pixels
    return True

  def intervals(self, params: np.ndarray, pixels: np.ndarray) -> Interval:
    """Returns where the masses of pixels lie.

    Args:
      params: float64 `[N, P]`, activations.
      pixels: uint8 `[N, C]`.

    Returns:
      uint32 `[N, C]`, both.
    """
    found = Interval(*(np.empty(pixels.shape, np.uint32) for _ in range(2)))
    for part in passes(len(pixels), self.num_params):
      laws = self.laws(params[part])
      law = next(laws)
      for c in range(self.channels):
        own = pixels[part, c]
        found.starts[part, c], found.masses[part, c] = law.interval(own)
        law = laws.send(own) if c + 1 < self.channels else None
    return found

  def read(self, params: np.ndarray, read) -> np.ndarray:
    """Returns pixels uint8 `[N, C]`, of which `read` takes laws to values."""
    laws = self.laws(params)
    values = [read(next(laws))]
    while len(values) < self.channels:
      values.append(read(laws.send(values[-1])))
    return np.stack(values, -1).astype(np.uint8)


class Categorical(Masses):
  """256 logits for each channel."""

  _FREQUENCIES = (64, 16, 4)

  def __init__(self, channels: int, settings: Mapping):
    del settings
    super().__init__(channels, LEVELS * channels)

  def laws(self, params):
    for c in range(self.channels):
      yield Softmax(params[:, LEVELS * c : LEVELS * (c + 1)])

  def features(self, pixels):
    # The waves of all channels follow each other, as TensorFlow has them.
    waves = tables.waves(self._FREQUENCIES)[pixels]
    waves = np.moveaxis(waves, -1, -2).reshape(*pixels.shape[:-1], -1)
    return np.concatenate([super().features(pixels), waves], -1)


class Bernoulli(Masses):
  """A logit for each channel, of 255 against 0."""

  def __init__(self, channels: int, settings: Mapping):
    del settings
    super().__init__(channels, channels)

  def laws(self, params):
    for c in range(self.channels):
      logits = params[:, c, np.newaxis] * [0.0, 1.0]
      yield _Binary(Softmax(logits))

  def has_mass(self, pixels):
    return bool(np.isin(pixels, (0, 255)).all())


class _Binary:
  """A law of 0 and 1 as one of 0 and 255."""

  def __init__(self, law):
    self._law = law

  def interval(self, values):
    return self._law.interval(values > 0)

  def find(self, slots):
    values, interval = self._law.find(slots)
    return 255 * values, interval


class Normal(Masses):
  """A location for each channel; one scale for all."""

  def __init__(self, channels: int, settings: Mapping):
    super().__init__(channels, channels)
    self._precision = _precisions(np.float64([settings['log_scale']]))

  def laws(self, params):
    for c in range(self.channels):
      location = _levels(params[:, c, np.newaxis])
      weights = shares(np.ones_like(location))
      precisions = self._precision + np.zeros_like(location)
      yield Bins(tables.normal(), weights, location, precisions)


class LogisticMixture(Masses):
  """A mixture of logistics, with channels conditioned on channels."""

  def __init__(self, channels: int, settings: Mapping):
    count = settings['num_mixtures']
    rows = 1 + 2 * channels + channels * (channels - 1) // 2
    super().__init__(channels, count * rows)
    self._count = count
    self._initial_log_scale = settings['initial_log_scale']
    # Doubled, it is an integer before the division.
    centres = (2.0 * np.arange(count) + 1) / (2 * count) - 0.5
    self._centres = np.rint(centres * ONE)

  def laws(self, params):
    logits, *rows = np.split(params, params.shape[-1] // self._count, -1)
    count = self.channels
    locations, log_scales = rows[:count], rows[count : 2 * count]
    coefficients = rows[2 * count :]
    exp = tables.exp()
    places = np.rint((logits.max(-1, keepdims=True) - logits) / 2.0**4)
    weights = shares(exp[np.minimum(places, len(exp) - 1).astype(np.int32)])
    earlier = []
    for c in range(count):
      location = _levels(locations[c] + self._centres)
      first = c * (c - 1) // 2
      for coefficient, values in zip(
        coefficients[first : first + c], earlier, strict=True
      ):
        # tanh(a) x in grey levels, x = v / 255 - 1/2.
        moved = _tanh(coefficient) * (2.0 * values - 255)[:, np.newaxis]
        location += np.rint(moved / 2)
      precisions = _precisions(log_scales[c] + self._initial_log_scale)
      law = Bins(tables.logistic(), weights, location, precisions)
      values = yield law
      if c + 1 < count:
        weights = law.weights_given(values)
        earlier.append(values)


def _tanh(values):
  """Returns tanh of activations: 2 F(2 a) - 1, F logistic."""
  found = tables.logistic()(values * 2.0**7)
  return np.rint(found * (2 * ONE / 2**tables.CDF)) - ONE


def _levels(locations):
  """Takes locations in the pixel range to 2^-14 grey levels."""
  return 255 * locations + 255 * ONE / 2


def _precisions(log_scales):
  """Takes log-scales to inverse scales, per grey level."""
  inside = np.clip(log_scales, -_LINEAR, _LINEAR)
  excess = log_scales - inside
  inside += np.rint(excess * ONE / (ONE + np.abs(excess)))
  table = tables.precision()
  places = np.rint((inside + _MOST) * (tables.POINTS / ONE))
  return table[places.astype(np.int32)]


KINDS = {
  'bernoulli': Bernoulli,
  'categorical': Categorical,
  'logistic_mixture': LogisticMixture,
  'normal': Normal,
}
