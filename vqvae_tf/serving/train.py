"""train('mnist', images): a trained model of a few arguments."""

import os
from typing import Any

from vqvae_tf import configs, datasets
from vqvae_tf.configs import presets
from vqvae_tf.datasets import arrays, names
from vqvae_tf.datasets.source import Source
from vqvae_tf.errors import UserError
from vqvae_tf.runs.workdir import State, Workdir
from vqvae_tf.serving import load as loading
from vqvae_tf.serving.trained import TrainedModel, load
from vqvae_tf.training import examples
from vqvae_tf.training.devices import Devices
from vqvae_tf.training.reporter import Callback

__all__ = ['open_both', 'open_source', 'run', 'train']


def train(
  config: configs.Config | str = 'default',
  data: Any = None,
  workdir: str | os.PathLike = '',
  *,
  validation: Any = None,
  callback: Callback | None = None,
  init_from: str | os.PathLike = '',
  **settings: Any,
) -> TrainedModel:
  """Trains a model, or goes on where a run in this workdir stopped.

  Args:
    config: the run, or the name of a preset.
    data: uint8 `[n, H, W, C]` (or other examples `[n, ..., C]`), or a pair of
      it and int32 labels `[n]`; a `tf.data.Dataset` of these, which is held in
      memory; the name of a data set; None: that of the configuration.
    workdir: folder of the run; '': runs/ and the name of the data.
    validation: as `data`, examples that choose the best checkpoint; None: the
      last tenth of arrays, 5,000 at most, or the validation split of a name.
    callback: is called with step, group ('train', 'epoch' or 'validation') and
      values of each entry of the log: for W&B, MLflow or a list.
    init_from: model whose weights training starts from, as `load` takes it.
    **settings: in place of those of the configuration, by the names of the
      flags of `bin/train`: `steps=500`.

  Returns:
    The best checkpoint; after an interrupt that of the steps taken so far, from
    which the same call goes on.

  Raises:
    UserError: as `bin/train` does.
    ValueError: if the data is of another dtype or shape.
  """
  named = presets.named(config).config if isinstance(config, str) else config
  own, sources = _sources(configs.replace(named, **settings), data, validation)
  workdir = workdir or f'runs/{own.data.dataset}'
  run(own, workdir, sources, init_from=init_from, callback=callback)
  return load(workdir)


def _sources(config, data, validation):
  """Returns a configuration that names the data, and its two splits."""
  if data is None or isinstance(data, str):
    if validation is not None:
      raise ValueError('validation= is for data that is given, not named')
    name = data or config.data.dataset
    config = configs.replace(config, dataset=name)
    return config, open_both(config.data)
  # Its size is that of the arrays.
  config = configs.replace(config, dataset=names.ARRAYS, image_size=0)
  return config, arrays.sources(data, validation)


def run(
  config: configs.Config,
  path: str | os.PathLike,
  sources: tuple[Source, Source],
  devices: Devices | None = None,
  allow_other_data: bool = False,
  init_from: str | os.PathLike = '',
  callback: Callback | None = None,
) -> State:
  """Trains in a workdir on two splits; see `examples.train`.

  Args:
    config: the run.
    path: the workdir.
    sources: the training and the validation split.
    devices: as for `loop.train`.
    allow_other_data: goes on with other data than the run was started with.
    init_from: model whose weights training starts from; '': none.
    callback: as `train` takes it.

  Raises:
    UserError: as `loop.train` does.
  """
  start = loading.weights(init_from) if init_from else None
  workdir = Workdir(path)
  return examples.train(
    config, workdir, *sources, devices, allow_other_data, start, callback
  )


def open_both(settings: configs.DataConfig) -> tuple[Source, Source]:
  """Opens the training and the validation split; see `open_source`."""
  return open_source(settings, 'train'), open_source(settings, 'validation')


def open_source(
  settings: configs.DataConfig, split: str, data_dir: str = ''
) -> Source:
  """Opens a split of a configuration's data set.

  Args:
    settings: which data set.
    split: one of `datasets.SPLITS`.
    data_dir: folder of the data, in place of that of the settings.

  Raises:
    UserError: if it cannot be opened.
  """
  try:
    return datasets.open_source(
      settings.dataset,
      split,
      data_dir or settings.data_dir or None,
      settings.image_size or None,
      settings.split,
      sample_rate=settings.sample_rate,
      length=settings.length,
    )
  except ValueError as error:
    raise UserError(str(error)) from error
