"""Which devices train together: one, those of a machine, or of several.

none          what TensorFlow takes by itself: one device
mirrored      all GPUs of this machine; without a GPU, its logical CPUs
multi_worker  those of all machines (workers) that TF_CONFIG names
"""

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator

import tensorflow as tf

from vqvae_tf import replicas
from vqvae_tf.errors import UserError
from vqvae_tf.files import one_line

# What TensorFlow raises when a worker that it waits for is gone.
_LOST = (
  tf.errors.AbortedError,
  tf.errors.CancelledError,
  tf.errors.DeadlineExceededError,
  tf.errors.InternalError,
  tf.errors.UnavailableError,
)
_EXAMPLE = (
  '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, '
  '"task": {"type": "worker", "index": 0}}'
)


@dataclasses.dataclass(frozen=True)
class Devices:
  """The devices of a run, and this process among the workers that have them.

  Attributes:
    strategy: makes variables for all devices and runs functions on them.
    worker: which of the workers this process is, from 0 on.
    num_workers: how many there are.
  """

  strategy: tf.distribute.Strategy = dataclasses.field(
    default_factory=tf.distribute.get_strategy
  )
  worker: int = 0
  num_workers: int = 1

  @property
  def is_chief(self) -> bool:
    """Whether this worker writes what all have in common."""
    return self.worker == 0

  def total(self, value: int) -> int:
    """Returns the sum of the workers' values; each waits for all others."""
    if self.num_workers == 1:
      return value
    # Each replica of a worker adds that worker's value.
    sums = _total(self.strategy, tf.constant(value, tf.int64))
    return int(sums) * self.num_workers // self.strategy.num_replicas_in_sync

  @contextlib.contextmanager
  def watched(self) -> Iterator[None]:
    """Says in one line that another worker is gone.

    Raises:
      UserError: then.
    """
    try:
      yield
    except _LOST as error:
      if self.num_workers == 1:
        raise
      raise UserError(
        f'worker {self.worker} of {self.num_workers} lost another one: start '
        'all again, the run goes on from its last checkpoint '
        f'({type(error).__name__}: {one_line(error)})'
      ) from error


@tf.function
def _total(strategy, value):
  # Only what a replica computed is on a device of that replica.
  sums = strategy.run(lambda: replicas.total(tf.identity(value)))
  return strategy.experimental_local_results(sums)[0]


def devices(distribute: str) -> Devices:
  """Returns the devices of one of the three kinds at the top.

  To be called before TensorFlow does anything: then alone it can connect
  workers. It waits until all of them are there.

  Args:
    distribute: 'none', 'mirrored' or 'multi_worker'.

  Raises:
    UserError: if TF_CONFIG does not say who the workers are, or this one
      cannot be one of them.
  """
  if distribute == 'multi_worker':
    worker, num_workers = _place(os.environ.get('TF_CONFIG', ''))
    if num_workers > 1:
      print(
        f'worker {worker} of {num_workers} waits for the others', flush=True
      )
      return Devices(_workers_strategy(), worker, num_workers)
  if distribute == 'none':
    return Devices()
  names = [
    device.name
    for device in tf.config.list_logical_devices('GPU')
    or tf.config.list_logical_devices('CPU')
  ]
  # One device needs nobody to agree with, and XLA compiles for it.
  if len(names) == 1:
    return Devices()
  return Devices(tf.distribute.MirroredStrategy(names))


def _place(text: str) -> tuple[int, int]:
  """Returns which worker TF_CONFIG makes of this process, and of how many."""
  try:
    settings = json.loads(text)
    jobs, task = settings['cluster'], settings['task']
    workers = [
      (job, index)
      for job in ('chief', 'worker')
      for index, _ in enumerate(jobs.get(job, []))
    ]
    return workers.index((task['type'], int(task['index']))), len(workers)
  except (ValueError, TypeError, KeyError, AttributeError) as error:
    what = 'does not say which of its workers this is' if text else 'is not set'
    raise UserError(
      f'--distribute=multi_worker: TF_CONFIG {what}; on each machine, with '
      f"its own index: TF_CONFIG='{_EXAMPLE}'"
    ) from error


def _workers_strategy():
  try:
    return tf.distribute.MultiWorkerMirroredStrategy()
  except (tf.errors.OpError, RuntimeError) as error:
    raise UserError(
      f'the workers of TF_CONFIG did not come together: {one_line(error)}'
    ) from error
