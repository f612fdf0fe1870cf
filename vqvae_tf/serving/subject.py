"""A trained model, from a run or from an export."""

import functools
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from vqvae_tf.configs import Config
from vqvae_tf.datasets.source import Source
from vqvae_tf.models import (
  SEED,
  VQVAE,
  Served,
  ServedPrior,
  Traits,
  compiled,
  worth,
)
from vqvae_tf.models.served import Doors


class Subject(Served):
  """A trained model behind its doors, and what is known of it.

  Args:
    doors: as for `Served`.
    traits: likewise.
    config: the configuration that it was trained with.
    origin: what to call it: where it came from.
    prior: over its codes; None where there is none.
    last_step: training steps taken.
    fingerprints: of its checkpoints, see `Run.fingerprints`; none of an export.
    find: finds the model itself, which XLA can compile; None where there are
      doors alone, or where it finds None.
  """

  def __init__(
    self,
    doors: Doors,
    traits: Traits,
    config: Config,
    origin: str,
    prior: ServedPrior | None = None,
    last_step: int = 0,
    fingerprints: dict[str, str] | None = None,
    find: Callable[[], VQVAE | None] | None = None,
  ):
    super().__init__(doors, traits, prior)
    self.config = config
    self.origin = origin
    self.last_step = last_step
    self.fingerprints = fingerprints
    self._find = find

  def decoder(self, num_calls: int) -> Callable[[np.ndarray], tf.Tensor]:
    """Returns `decode`, or for many calls what does the same sooner.

    XLA then compiles the loop of an autoregressive decoder, anew for each
    number of examples. It draws the same samples, but where a rounding decides,
    and does not check whether codes are in range.

    Args:
      num_calls: how often it will be called, with codes of one example.
    """
    is_image = len(self.config.example_shape) == 3
    size = self.config.likelihood.block_size if is_image else 1
    cells = math.prod(self.config.example_shape[:-1]) // size**2
    if not self.is_sampled or not worth.saves_time(num_calls, cells):
      return self.decode
    return self._quick_decode or self.decode

  @functools.cached_property
  def _quick_decode(self):
    """Takes codes to samples; None without a model."""
    model = self._find() if self._find else None
    if model is None:
      return None
    draw, seed = compiled(model.decode), tf.constant(SEED)
    return lambda codes: draw(tf.constant(codes), seed)

  def check(self, source: Source) -> None:
    """Checks that images of a split are what the model takes.

    Raises:
      UserError: if they are of another shape.
    """
    self.check_shape(source.name, source.example_shape)

  def check_shape(self, name: str, shape: tuple[int, ...]) -> None:
    """Checks the shape `[..., C]` of what is called `name`, as `check` does."""
    self.config.check_shape(self.origin, name, shape)
