"""What the executables share: flags from the configuration, one-line errors."""

import importlib
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from absl import app, flags, logging

from vqvae_tf import configs
from vqvae_tf.configs import presets
from vqvae_tf.errors import UserError, printable
from vqvae_tf.training import processor

FLAGS = flags.FLAGS
# What a shell says of who was interrupted.
INTERRUPTED = 128 + signal.SIGINT


def run(main: Callable[[], int | None], usage: str) -> None:
  """Runs an executable: `--help` without TensorFlow, errors in one line.

  Args:
    main: called after the flags are parsed; returns the exit status.
    usage: what `--help` says first.
  """
  sys.modules['__main__'].__doc__ = usage
  # absl's --help shows the flags of the main module alone; all flags of an
  # executable are its own, wherever they are defined.
  for name in FLAGS:
    if FLAGS.find_module_defining_flag(name).startswith('vqvae_tf'):
      FLAGS.register_key_flag_for_module(sys.argv[0], FLAGS[name])
  # Of Pillow, before `media.decoding` refuses such an image in one line.
  warnings.filterwarnings('ignore', 'Image size .* decompression bomb')
  app.run(lambda argv: _guarded(main, argv), flags_parser=_parse)


def _parse(argv):
  try:
    return FLAGS(argv)
  except flags.Error as error:
    sys.exit(_failed(error))


def _guarded(main, argv):
  try:
    if argv[1:]:
      raise UserError(f'{argv[1]!r} is no flag: see --help')
    return main()
  except (UserError, OSError) as error:
    return _failed(error)
  except KeyboardInterrupt:
    return INTERRUPTED
  except MemoryError:
    return _failed(_out_of_memory())
  except Exception as error:
    # By name, as TensorFlow may not be loaded.
    if type(error).__name__ == 'ResourceExhaustedError':
      return _failed(_out_of_memory())
    # TensorFlow wraps what a data set raises in its pipeline.
    damaged = re.search('cannot read the image .*', str(error))
    if not damaged:
      raise
    return _failed(damaged[0])


def _failed(error):
  print(f'error: {printable(str(error))}', file=sys.stderr)
  return 1


def _out_of_memory():
  """Says which of the given flags may ask for too much."""
  given = [
    f'--{name}={FLAGS[name].value}'
    for name in FLAGS
    if FLAGS[name].present and type(FLAGS[name].value) is int
  ]
  return f'out of memory: try smaller settings ({", ".join(given) or "none"})'


def load_tensorflow(start: Callable[[], Any] | None = None) -> Any:
  """Imports TensorFlow without the start-up notes that bury what matters.

  Set TF_CPP_MIN_LOG_LEVEL=0 to see them, when a GPU is not found, say.

  Args:
    start: makes TensorFlow look for its devices, silently as well.

  Returns:
    What `start` returns.
  """
  processor.use_onednn()
  if 'TF_CPP_MIN_LOG_LEVEL' in os.environ:
    importlib.import_module('tensorflow')
    return start() if start else None
  os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
  logging.set_verbosity(logging.WARNING)
  # The notes come from C++ and precede its logging flags, so the file
  # descriptor itself is turned away.
  sys.stderr.flush()
  stderr = os.dup(2)
  with open(os.devnull, 'w') as nowhere:
    os.dup2(nowhere.fileno(), 2)
  try:
    tensorflow = importlib.import_module('tensorflow')
    return (start or tensorflow.config.list_logical_devices)()
  finally:
    os.dup2(stderr, 2)
    os.close(stderr)


def define_preset_flags(preset: str) -> None:
  """Defines --preset and a flag for every setting of a model."""
  flags.DEFINE_string('preset', preset, 'named settings: see --list_presets')
  flags.DEFINE_bool('list_presets', False, 'list the presets and stop')
  config = presets.named(preset).config
  define_config_flags(config, f' of --preset={preset}')


def define_config_flags(
  config: configs.Sections, origin: str = '', unused: tuple[str, ...] = ()
) -> None:
  """Defines a flag for every field of a configuration.

  Args:
    config: the defaults.
    origin: what `--help` says after each default.
    unused: fields without a flag.
  """
  for field, value in configs.fields(config):
    if field.name in unused:
      continue
    define = {
      str: flags.DEFINE_string,
      int: flags.DEFINE_integer,
      float: flags.DEFINE_float,
      bool: flags.DEFINE_bool,
    }[field.type]
    text = f'{configs.described(field)} (default: {value!r}{origin})'
    define(field.name, None, text)


def preset_from_flags() -> configs.Config:
  """Returns the preset with the given flags in place of its fields.

  Raises:
    UserError: for an unknown preset, or as `config_from_flags` does.
  """
  return config_from_flags(presets.named(FLAGS.preset).config)


def config_from_flags(config: configs.Sections) -> configs.Sections:
  """Returns `config` with the given flags in place of its fields.

  Raises:
    UserError: for a value that does not fit, or a flag that does nothing for
      the kind that it is given to.
  """
  given = {
    field.name: FLAGS[field.name].value
    for field, _ in configs.fields(config)
    if field.name in FLAGS and FLAGS[field.name].present
  }
  config = configs.replace(config, **given)
  for field, value in configs.fields(config):
    if field.name in given and not configs.counts(config, field):
      raise UserError(_does_nothing(config, field, value))
  return config


def _does_nothing(config, field, value):
  only = field.metadata['only']
  kinds = {other.name: kind for other, kind in configs.fields(config)}
  others = [
    f'--{other.name}'
    for other, _ in configs.fields(config)
    if (read_by := other.metadata['only'])
    and read_by.field == only.field
    and configs.counts(config, other)
  ]
  reads = f', which reads {", ".join(others)}' if others else ''
  return (
    f'--{field.name}={value} does nothing for '
    f'--{only.field}={kinds[only.field]}{reads}; it is for {only}'
  )


def open_source(settings: configs.DataConfig, split: str, data_dir: str = ''):
  """Opens a split of a configuration's data set; raises UserError only."""
  load_tensorflow()
  from vqvae_tf import datasets

  try:
    return datasets.open_source(
      settings.dataset,
      split,
      data_dir or settings.data_dir or None,
      settings.image_size or None,
      settings.split,
    )
  except ValueError as error:
    raise UserError(str(error)) from error


def open_data(settings: configs.DataConfig, split: str):
  """Opens a split for the run or the export that the flags name.

  Raises:
    UserError: as `open_source` does, or if it is of other data than the run.
  """
  source = open_source(settings, split, FLAGS.data_dir)
  if FLAGS.workdir and not FLAGS.allow_other_data:
    from vqvae_tf.runs import data
    from vqvae_tf.runs.workdir import Workdir

    data.check(Workdir(FLAGS.workdir), source)
  return source


def define_data_flags() -> None:
  """Defines the flags that say which data `open_data` opens."""
  flags.DEFINE_string('data_dir', None, "folder of the data (the run's own)")
  define_allow_other_data()


def define_allow_other_data() -> None:
  """Defines the flag that lets data pass which is not that of the run."""
  flags.DEFINE_bool(
    'allow_other_data', False, 'go on with other data than the run had'
  )


def define_subject_flags() -> None:
  """Defines the flags that name a trained model and its data."""
  flags.DEFINE_string('workdir', None, 'folder of a run: its best checkpoint')
  flags.DEFINE_string('model', None, 'folder of an export, instead')
  define_data_flags()


def open_subject():
  """Returns the model that the flags name."""
  if bool(FLAGS.workdir) == bool(FLAGS.model):
    raise UserError('give either --workdir=RUN or --model=EXPORT')
  load_tensorflow()
  from vqvae_tf.runs.run import Run
  from vqvae_tf.runs.workdir import Workdir
  from vqvae_tf.serving import load

  if not FLAGS.model:
    return load.from_run(Run(Workdir(FLAGS.workdir)))
  note_unchecked(FLAGS.model)
  return load.from_export(FLAGS.model)


def note_unchecked(path: str) -> None:
  """Says, before it is loaded, if an export has no manifest."""
  from vqvae_tf.serving import manifest

  folder = Path(path)
  if (folder / 'saved_model.pb').exists() and not manifest.exists(folder):
    print(
      f'note: {path} has no manifest, so nobody knows whether its files are as '
      'they were written; a SavedModel is a program: load only what you trust'
    )


def open_either(path: str):
  """Returns the model of a workdir or of an export, whichever `path` is."""
  from vqvae_tf.runs.run import Run
  from vqvae_tf.runs.workdir import Workdir
  from vqvae_tf.serving import load

  if (Path(path) / 'saved_model.pb').exists():
    note_unchecked(path)
    return load.from_export(path)
  return load.from_run(Run(Workdir(path)))


def list_presets() -> str:
  """Returns the presets as text, with source, duration and score."""
  blocks = []
  for name, preset in presets.PRESETS.items():
    command = configs.command(preset.config)
    blocks.append(
      f'{name}\n  source:   {preset.source}\n  duration: {preset.duration}\n'
      f'  score:    {preset.score}\n  command:  {command}'
    )
  return '\n\n'.join(blocks)
