"""A run on disk as an object: what it holds is looked up once."""

import functools
import hashlib
import json
from typing import Generic, TypeVar, cast

from vqvae_tf import build, configs, files
from vqvae_tf.errors import UserError
from vqvae_tf.models import VQVAE, CodePrior
from vqvae_tf.runs.restore import restored
from vqvae_tf.runs.standing import Standing, known_standing
from vqvae_tf.runs.workdir import PriorWorkdir, State, Workdir

# A class of configurations.
_Config = TypeVar('_Config', bound=configs.Sections)


class _Checkpoint(Generic[_Config]):
  """The best checkpoint of a workdir: settings, state, step and digest.

  Each is read when it is first asked for, and then known: an object is of the
  run as it is now. Of a run that trains on, make another one.

  Args:
    workdir: of the run.
  """

  def __init__(self, workdir: Workdir):
    self.workdir = workdir

  def __str__(self) -> str:
    return str(self.workdir)

  @functools.cached_property
  def config(self) -> _Config:
    """The configuration of the run.

    Raises:
      UserError: as `Workdir.load_config` does.
    """
    return cast(_Config, self.workdir.load_config())

  @functools.cached_property
  def state(self) -> State:
    """The state at the last checkpoint.

    Raises:
      UserError: as `Workdir.last_state` does.
    """
    return self.workdir.last_state()

  @functools.cached_property
  def step(self) -> int:
    """The best step by validation.

    Raises:
      UserError: as `Workdir.best_step` does.
    """
    return self.workdir.best_step()

  @functools.cached_property
  def fingerprint(self) -> str:
    """A hexadecimal digest of the best checkpoint: settings and weights.

    Raises:
      UserError: if the workdir is not one, or has no checkpoint.
    """
    # Those that may change on resume do not matter for the codes; and a default
    # that a later version adds must not change what is on disk.
    settings = configs.observations(self.config) | {
      field.name: value
      for field, value in configs.fields(self.config)
      if value != field.default and not field.metadata['resume']
    }
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for path in self.workdir.weights(self.step):
      files.check_regular(path)
      digest.update(path.read_bytes())
    return digest.hexdigest()


class Run(_Checkpoint[configs.Config]):
  """A trained model in its workdir, with its prior if it has one."""

  @functools.cached_property
  def model(self) -> VQVAE:
    """The model of the best checkpoint.

    Raises:
      UserError: if the workdir is not one, or its checkpoint is missing,
        damaged or of another model.
    """
    return restored(
      build.initialized_model, self.workdir, self.config, self.step
    )

  @functools.cached_property
  def prior(self) -> 'PriorRun | None':
    """The run of its prior; None if that has no checkpoint.

    Raises:
      UserError: if it is the prior of another checkpoint of the model.
    """
    workdir = PriorWorkdir(self.workdir)
    if not workdir.has_config() or not workdir.steps():
      return None
    prior = PriorRun(workdir)
    if prior.config.fingerprint != self.fingerprint:
      raise UserError(
        f'{prior} is the prior of an earlier model: train one for this with '
        f'bin/prior --workdir={self}, or remove {prior}'
      )
    return prior

  @property
  def fingerprints(self) -> dict[str, str]:
    """Digests of the best checkpoints: 'model' and, if any, 'prior'.

    Raises:
      UserError: as `fingerprint` and `prior` do.
    """
    digests = {'model': self.fingerprint}
    return digests | ({'prior': self.prior.fingerprint} if self.prior else {})


class PriorRun(_Checkpoint[configs.PriorConfig]):
  """A trained prior in its workdir."""

  @functools.cached_property
  def model(self) -> CodePrior:
    """The prior of the best checkpoint; raises as `Run.model` does."""
    return restored(build.prior, self.workdir, self.config, self.step)

  @functools.cached_property
  def standing(self) -> Standing | None:
    """What it is worth; None if that was not measured.

    Raises:
      UserError: as `known_standing` does.
    """
    return known_standing(self.workdir)

  def check_proven(self) -> Standing:
    """Returns what it is worth, if that is more than the unigram baseline.

    Raises:
      UserError: if it misses the baseline or was not measured.
    """
    command, way_out = self.workdir.command, self.workdir.way_out
    if not self.standing:
      raise UserError(
        f'{self} is not compared with its baselines yet: let {command} come to '
        f'its end (--steps=1 ends it as it is), or {way_out} to do without'
      )
    if self.standing.is_useless:
      raise UserError(
        f'{self} {self.standing.verdict}: train it longer with {command}, or '
        f'{way_out} to do without'
      )
    return self.standing
