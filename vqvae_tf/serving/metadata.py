"""metadata.json of an export, from text to values that can be relied on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vqvae_tf import build, configs, files
from vqvae_tf.models import Traits
from vqvae_tf.runs import results

PLACE = Path('assets') / 'metadata.json'
_FORMAT = 'vqvae_tf 1'
_NAMES = {
  'format',
  'config',
  'step',
  'last_step',
  'codebook_sizes',
  'class_names',
  'metrics',
  'versions',
  'prior',
}
_MOST_CODES = 2**24
_MOST_STEPS = 2**53


class Metadata(NamedTuple):
  """What an export says of itself.

  Attributes:
    config: with which the model was trained.
    codebook_sizes: K of each of the M codebooks.
    num_classes: that the prior is given; 0: none; None: there is no prior.
    last_step: training steps taken.
    values: all of the above as it stands in the file.
  """

  config: configs.Config
  codebook_sizes: tuple[int, ...]
  num_classes: int | None
  last_step: int
  values: dict


def read(path: Path) -> Metadata:
  """Returns the metadata of an export.

  Raises:
    OSError: if the file cannot be read.
    UserError, ValueError: if it is damaged.
  """
  values = files.read_json(path / PLACE)
  if values.get('format') != _FORMAT:
    raise ValueError(f'its format is not {_FORMAT!r}')
  if unknown := set(values) - _NAMES:
    raise ValueError(f'{min(unknown)!r:.40} is unknown')
  config = configs.from_values(_object(values, 'config'), configs.Config)
  if not config.image_shape:
    raise ValueError('it has no image_shape')
  sizes = _list(values, 'codebook_sizes')
  sizes = tuple(_count('a codebook size', size, 1) for size in sizes)
  if sizes != (known := build.codebook_sizes(config.quantizer)):
    raise ValueError(
      f'its codebook_sizes are {str(sizes):.60}, those of its config '
      f'{str(known):.60}'
    )
  if tuple(_list(values, 'class_names')) != config.class_names:
    raise ValueError('its class_names are not those of its config')
  num_classes = None
  if 'prior' in values:
    prior = _object(values, 'prior')
    num_classes = _count('num_classes', prior.get('num_classes'), 0)
    if num_classes not in (0, len(config.class_names)):
      raise ValueError(
        f'its prior is given {num_classes} classes, but the data has '
        f'{len(config.class_names)}'
      )
  # An early export does not say how many steps were taken.
  last_step = values.get('last_step', config.run.steps)
  _count('last_step', last_step, 0, _MOST_STEPS)
  results.check(_object(values, 'metrics'))
  return Metadata(config, sizes, num_classes, last_step, values)


def check_doors(metadata: Metadata, doors: Mapping[str, Any]) -> Traits:
  """Compares what metadata says with the signatures of an export.

  Returns:
    What the doors themselves do not tell.

  Raises:
    KeyError: if a signature is missing.
    ValueError: if they contradict each other.
  """
  encode = doors['encode']
  [images] = encode.structured_input_signature[1].values()
  shape = tuple(images.shape[1:])
  if shape != metadata.config.example_shape:
    raise ValueError(
      f'its encode takes {shape}, its metadata says '
      f'{metadata.config.example_shape}'
    )
  codes = tuple(encode.structured_outputs['codes'].shape[1:])
  if codes != (known := build.code_shape(metadata.config)):
    raise ValueError(
      f'its encode gives codes {codes}, its metadata says {known}'
    )
  if (metadata.num_classes is not None) != ('prior_nll' in doors):
    raise ValueError('it has a prior without metadata, or metadata without one')
  if metadata.num_classes is not None:
    takes_labels = 'labels' in doors['prior_nll'].structured_input_signature[1]
    if takes_labels != (metadata.num_classes > 0):
      raise ValueError('its prior takes other labels than its metadata says')
  is_sampled = metadata.config.likelihood.is_autoregressive
  if is_sampled != ('seed' in doors['decode'].structured_input_signature[1]):
    raise ValueError('its decode and its metadata name different decoders')
  return Traits(codes, metadata.codebook_sizes, is_sampled)


def _object(values, name):
  if not isinstance(values.get(name), dict):
    raise ValueError(f'{name} is missing or no object')
  return values[name]


def _list(values, name):
  if not isinstance(values.get(name), list):
    raise ValueError(f'{name} is missing or no list')
  return values[name]


def _count(what, value, least, most=_MOST_CODES):
  if type(value) is not int or not least <= value <= most:
    raise ValueError(f'{what} is {value!r:.40}, not in [{least}, {most}]')
  return value
