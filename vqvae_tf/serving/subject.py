"""A trained model, from a run or from an export."""

from vqvae_tf.configs import Config
from vqvae_tf.datasets.source import Source
from vqvae_tf.models import Served, ServedPrior, Traits
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
  ):
    super().__init__(doors, traits, prior)
    self.config = config
    self.origin = origin
    self.last_step = last_step
    self.fingerprints = fingerprints

  def check(self, source: Source) -> None:
    """Checks that images of a split are what the model takes.

    Raises:
      UserError: if they are of another shape.
    """
    self.check_shape(source.name, source.example_shape)

  def check_shape(self, name: str, shape: tuple[int, ...]) -> None:
    """Checks the shape `[..., C]` of what is called `name`, as `check` does."""
    self.config.check_shape(self.origin, name, shape)
