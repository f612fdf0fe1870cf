"""What a run says while it trains: a bar, metrics.jsonl, TensorBoard."""

import contextlib
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf
import tqdm

from vqvae_tf import files
from vqvae_tf.media import images
from vqvae_tf.runs import history, snapshots
from vqvae_tf.runs.workdir import Workdir

# Takes the step, the group ('train', 'epoch' or 'validation') and values.
Callback = Callable[[int, str, Mapping[str, float]], None]


class Reporter:
  """Writes to the screen and below a workdir.

  Args:
    workdir: where metrics.jsonl, snapshots/ and tensorboard/ go.
    first_step: the step that the run starts from; entries and snapshots after
      it are those of a run that was cut off, and are removed.
    steps: the step that the run ends at.
    callback: is called with each entry of metrics.jsonl.
  """

  def __init__(
    self,
    workdir: Workdir,
    first_step: int,
    steps: int,
    callback: Callback | None = None,
  ):
    self._workdir = workdir
    self._callback = callback
    self._path = workdir.metrics_path
    history.cut_back(self._path, first_step)
    snapshots.cut_back(workdir, first_step)
    self._writer = tf.summary.create_file_writer(
      str(workdir.path / 'tensorboard')
    )
    self._bar = tqdm.tqdm(
      total=steps, initial=first_step, unit='step', disable=None
    )
    self._shown = {}

  def advance(self, num_steps: int) -> None:
    """Moves the bar."""
    self._bar.update(num_steps)

  def scalars(self, step: int, group: str, values: Mapping[str, float]) -> None:
    """Records one entry of metrics.jsonl and the same in TensorBoard."""
    history.append(self._path, step, group, values)
    with self._writing():
      for key, value in values.items():
        tf.summary.scalar(f'{group}/{key}', value, step)
    if self._callback:
      self._callback(step, group, dict(values))

  def histograms(self, step: int, values: Mapping[str, np.ndarray]) -> None:
    """Adds the distributions of some values to TensorBoard."""
    with self._writing():
      for name, array in values.items():
        tf.summary.histogram(name, array, step)

  def show(self, **values: float) -> None:
    """Shows values behind the bar."""
    self._shown |= values
    self._bar.set_postfix(
      {k: f'{v:.4g}' for k, v in self._shown.items()}, refresh=False
    )

  def line(self, text: str) -> None:
    """Prints a line above the bar."""
    self._bar.write(text)

  def pictures(self, step: int, **batches: np.ndarray) -> None:
    """Tiles batches of uint8 images into TensorBoard; keeps a snapshot."""
    snapshots.write(self._workdir, step, batches)
    with self._writing():
      for name, batch in batches.items():
        tf.summary.image(name, images.tile(batch, columns=8)[None], step)

  def close(self) -> None:
    """Ends the bar and flushes what was written."""
    self._bar.close()
    with self._writing():
      self._writer.close()

  @contextlib.contextmanager
  def _writing(self):
    """Lets summaries be written; turns a full disk into an OSError."""
    try:
      with self._writer.as_default():
        yield
    except tf.errors.OpError as error:
      raise OSError(f'TensorBoard: {files.one_line(error)}') from error
