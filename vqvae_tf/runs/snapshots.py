"""What a fixed batch looks like in the course of training: snapshots/.

One small file per step, written whole or not at all. There are more of them at
the beginning, where the images change most.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from vqvae_tf import files
from vqvae_tf.errors import UserError
from vqvae_tf.runs.workdir import Workdir

KEPT = ('originals', 'reconstructions')
_NUM_IMAGES = 16


class Snapshot(NamedTuple):
  """A batch at one step.

  Attributes:
    step: training steps taken.
    originals: uint8 `[B, H, W, C]`.
    reconstructions: likewise; samples of an autoregressive decoder.
  """

  step: int
  originals: np.ndarray
  reconstructions: np.ndarray


def next_step(step: int) -> int:
  """Returns the first step after `step` at which there is a snapshot anyway.

  That is a power of two; there are snapshots at validations as well.
  """
  return 1 << step.bit_length()


def write(
  workdir: Workdir, step: int, batches: Mapping[str, np.ndarray]
) -> None:
  """Keeps the first images of some batches, if they are those of a snapshot.

  Args:
    workdir: in which a run trains.
    step: training steps taken.
    batches: uint8 `[B, H, W, C]` by name.

  Raises:
    OSError: if the file cannot be written.
  """
  if not set(KEPT) <= set(batches):
    return
  kept = {name: batches[name][:_NUM_IMAGES] for name in KEPT}
  files.write_arrays(
    _folder(workdir) / f'{step:08d}.npz', kept, compressed=True
  )


def read(workdir: Workdir) -> list[Snapshot]:
  """Returns the snapshots of a run by step.

  Raises:
    UserError: if one is damaged.
  """
  found = []
  for step, path in _paths(workdir):
    try:
      batches = files.read_arrays(path)
      snapshot = Snapshot(step, *(batches[name] for name in KEPT))
      _check(snapshot, found[0] if found else snapshot)
      found.append(snapshot)
    except (OSError, ValueError, KeyError) as error:
      raise UserError(
        f'the snapshot {path} is damaged ({files.one_line(error)}): remove it'
      ) from error
  return found


def cut_back(workdir: Workdir, step: int) -> None:
  """Removes the snapshots after a step, from which a run goes on."""
  for later, path in _paths(workdir):
    if later > step:
      path.unlink()


def _check(snapshot, first):
  for images in (snapshot.originals, snapshot.reconstructions):
    if images.dtype != np.uint8 or not images.ndim or not images.size:
      raise ValueError(f'{images.dtype} {images.shape} are no images')
    if images.shape != first.originals.shape:
      raise ValueError(
        f'its images are {images.shape}, the first ones {first.originals.shape}'
      )


def _paths(workdir):
  """Returns the steps of the snapshots, ascending, and their files."""
  paths = _folder(workdir).glob('*.npz')
  return sorted((int(p.stem), p) for p in paths if p.stem.isdecimal())


def _folder(workdir):
  return workdir.path / 'snapshots'
