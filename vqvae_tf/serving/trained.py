"""load('mnist'): a trained model, arrays in and arrays out."""

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from vqvae_tf import configs
from vqvae_tf.errors import UserError
from vqvae_tf.models import Samples
from vqvae_tf.runs import results
from vqvae_tf.runs.run import Run
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.serving import exchange, presets, saved_model, shipped
from vqvae_tf.serving import load as loading
from vqvae_tf.serving.subject import Subject

__all__ = ['ExampleBits', 'TrainedModel', 'load']

# Examples that go through a door at a time.
_BATCH = 64
_MOST_SEED = 2**31 - 1


class ExampleBits(NamedTuple):
  """What examples cost, in bits per example.

  Attributes:
    pixel_bits: float32 `[B]`, -log2 p(x | z).
    code_bits_uniform: float32 `[B]`, -log2 p(z) under the uniform prior.
    code_bits_learned: float64 `[B]`, -log2 p(z) under the learned prior, whose
      label is summed over; None where there is no prior.
    bits_per_dim: float64 `[B]`, pixel and code bits per pixel and channel,
      codes under the learned prior where there is one.
  """

  pixel_bits: np.ndarray
  code_bits_uniform: np.ndarray
  code_bits_learned: np.ndarray | None
  bits_per_dim: np.ndarray


class TrainedModel:
  """A trained model, whether it came with the package, of an export or a run.

  Images are uint8 `[B, H, W, C]` with values 0..255, codes int32 `[B, h, w, M]`
  (of other examples as many sides as these have); what is returned are arrays
  of NumPy. `load` makes one.

  Args:
    subject: the model behind its doors.
    metrics: by split, as metrics.json has them.
    save: writes it to a folder as an export.
  """

  def __init__(
    self,
    subject: Subject,
    metrics: Mapping[str, dict],
    save: Callable[[Path], object],
  ):
    self._subject, self._save = subject, save
    self._metrics = dict(metrics)

  def __repr__(self) -> str:
    shape = list(self.config.example_shape)
    return (
      f'<{self._subject.origin}: {self.config.data.dataset} {shape} <-> codes '
      f'{list(self.code_shape)} of {self.codebook_sizes}'
      f'{", with a prior" if self.has_prior else ""}>'
    )

  @property
  def config(self) -> configs.Config:
    """The configuration that it was trained with."""
    return self._subject.config

  @property
  def metrics(self) -> dict[str, dict]:
    """What `bin/evaluate` found, by split: the fields of `Metrics`."""
    return self._metrics

  @property
  def class_names(self) -> tuple[str, ...]:
    """A name for each label of the data; none, if it had no classes."""
    return self.config.class_names

  @property
  def code_shape(self) -> tuple[int, ...]:
    """`[..., M]`, of an example's codes; of an image's (h, w, M)."""
    return self._subject.code_shape

  @property
  def codebook_sizes(self) -> tuple[int, ...]:
    """K of each of the M codebooks."""
    return self._subject.codebook_sizes

  @property
  def has_prior(self) -> bool:
    """Whether there is a learned prior, to sample with."""
    return self._subject.prior is not None

  def encode(self, images: ArrayLike) -> np.ndarray:
    """Returns the codes of images.

    Args:
      images: uint8 `[B, H, W, C]`, B >= 1.

    Returns:
      int32 `[B, h, w, M]`.

    Raises:
      ValueError: if images are of another dtype or shape.
    """
    return _by_batches(self._subject.encode, self._images(images))

  def decode(self, codes: ArrayLike, seed: int = 0) -> np.ndarray:
    """Returns the images of codes.

    Args:
      codes: integers `[B, h, w, M]`, B >= 1, each below its K.
      seed: of the samples that an autoregressive decoder draws.

    Returns:
      uint8 `[B, H, W, C]`.

    Raises:
      ValueError: if codes are of another dtype or shape, or out of range.
    """
    return self._painted(self._subject.decode, self._codes(codes), seed)

  def reconstruct(self, images: ArrayLike, seed: int = 0) -> np.ndarray:
    """Returns what `decode` makes of the codes of images.

    Args:
      images: as `encode` takes them.
      seed: as `decode` takes it.

    Returns:
      uint8 `[B, H, W, C]`.

    Raises:
      ValueError: as `encode` does.
    """
    return self._painted(self._subject.reconstruct, self._images(images), seed)

  def embed(self, codes: ArrayLike) -> np.ndarray:
    """Returns the vectors of codes, float32 `[B, h, w, D]`.

    Args:
      codes: as `decode` takes them.

    Raises:
      ValueError: as `decode` does.
    """
    return _by_batches(self._subject.embed, self._codes(codes))

  def nll(self, images: ArrayLike) -> ExampleBits:
    """Returns what images cost: an upper bound on -log2 p(x), in bits.

    Args:
      images: as `encode` takes them.

    Returns:
      `ExampleBits`, bits per image. Their means over a split are what
      `bin/evaluate` prints.

    Raises:
      ValueError: as `encode` does.
    """
    checked = self._images(images)
    parts = [self._subject.assess(batch) for batch in _batches(checked)]
    pixels, uniform, codes = (
      np.concatenate([np.asarray(getattr(part, name)) for part in parts])
      for name in ('pixel_bits', 'code_bits', 'codes')
    )
    prior = self._subject.prior
    learned = prior.cost(codes).marginal if prior else None
    total = np.float64(pixels) + (uniform if learned is None else learned)
    return ExampleBits(pixels, uniform, learned, total / checked[0].size)

  def sample(
    self,
    num: int,
    label: int | str | None = None,
    seed: int = 0,
    temperature: float = 1.0,
    top_p: float = 1.0,
  ) -> Samples:
    """Draws codes from the prior and decodes them.

    Args:
      num: how many, at least 1.
      label: a class or its number, of all of them; None draws a class for each.
      seed: of all that is drawn, at least 0; another `num` draws others.
      temperature: at least 0; below 1: likelier codes.
      top_p: in (0, 1], the mass of the likeliest codes that are drawn from.

    Returns:
      `Samples`: codes int32 `[num, h, w, M]`, images uint8 `[num, H, W, C]`.

    Raises:
      UserError: if there is no prior.
      ValueError: if there is no such class, or a number is out of range.
    """
    prior = self._subject.prior
    if prior is None:
      raise UserError(
        f'{self._subject.origin} has no prior to draw from: train one with '
        'bin/prior --workdir=RUN'
      )
    _check('num', num, 'at least 1', num >= 1)
    _check_seed(seed)
    _check('temperature', temperature, 'at least 0', temperature >= 0)
    _check('top_p', top_p, 'in (0, 1]', 0 < top_p <= 1)
    chosen = self._label(label, prior.num_classes)
    # Always as many: what a seed draws depends on the size of a batch.
    size = min(num, _BATCH)
    count = -(-num // size)
    draw = prior.sampler(count, size, self._subject.is_sampled)
    parts = [
      draw(size, [seed, i], chosen, temperature, top_p) for i in range(count)
    ]
    columns = zip(*parts, strict=True)
    return Samples(
      *(np.concatenate([np.asarray(x) for x in c])[:num] for c in columns)
    )

  def save_to_preset(self, path: str | os.PathLike) -> Path:
    """Writes the model as an export, from which `load` reads it again.

    Args:
      path: a folder that does not exist, or such a .zip file.

    Returns:
      `path`.

    Raises:
      UserError: if there is something already.
      OSError: if it cannot be written.
    """
    return presets.save(self._save, path)

  def _painted(self, door, inputs, seed):
    _check_seed(seed)
    # Each batch has a seed of its own, or their samples would be alike.
    seeds = iter(range(len(inputs)))
    return _by_batches(lambda batch: door(batch, (seed, next(seeds))), inputs)

  def _images(self, images):
    images = np.asarray(images)
    if images.dtype != np.uint8:
      raise ValueError(
        f'images are {images.dtype}: give uint8 with values 0..255'
      )
    return _checked('images', images, self.config.example_shape)

  def _codes(self, codes):
    codes = np.asarray(codes)
    if codes.dtype.kind not in 'iu':
      raise ValueError(f'codes are {codes.dtype}: give integers')
    codes = _checked('codes', codes, self.code_shape)
    for m, size in enumerate(self.codebook_sizes):
      wrong = codes[..., m][(codes[..., m] < 0) | (codes[..., m] >= size)]
      if wrong.size:
        raise ValueError(
          f'a code of codebook {m} is {wrong[0]}, not in 0..{size - 1}'
        )
    return codes.astype(np.int32)

  def _label(self, label, count):
    """Returns the number of a class, -1 for any."""
    if label is None:
      return -1
    if not count:
      raise ValueError(
        f'the prior of {self._subject.origin} knows no classes: leave label out'
      )
    if isinstance(label, str):
      if label not in self.class_names:
        near = configs.nearest(label, self.class_names)
        raise ValueError(f'no class is called {label!r}{near}')
      return self.class_names.index(label)
    _check('label', label, f'in 0..{count - 1}', 0 <= label < count)
    return int(label)


def load(name_or_path: str | os.PathLike) -> TrainedModel:
  """Returns a trained model.

  A SavedModel is a program: load none of somebody whom you do not trust.

  Args:
    name_or_path: the name of a model that comes with the package (`models`
      lists them), the folder of an export or its .zip file, the workdir of a
      run, whose best checkpoint it is, or hf://USER/MODEL or
      kaggle://USER/MODEL/tensorflow2/VARIATION, which are downloaded.

  Raises:
    UserError: if there is no such model, or it is damaged, or a library that
      downloads is not installed.

  Examples:
    >>> model = vqvae_tf.load('mnist')
    >>> images = np.zeros([2, 28, 28, 1], np.uint8)
    >>> model.encode(images).shape
    (2, 7, 7, 1)
    >>> model.sample(3, label='7').images.shape
    (3, 28, 28, 1)
  """
  path = presets.find(name_or_path)
  if shipped.is_export(path):
    subject = loading.from_export(path)
    subject.origin = str(name_or_path)
    known = loading.read_metadata(path)['metrics']
    return TrainedModel(subject, known, functools.partial(exchange.copy, path))
  run = Run(Workdir(path))
  return TrainedModel(
    loading.from_run(run),
    results.of_best(run)[0],
    functools.partial(saved_model.export, run),
  )


def _checked(name, values, shape):
  """Returns a batch of at least one, of a shape."""
  if values.ndim == 0 or values.shape[1:] != shape or not len(values):
    wanted = ', '.join(map(str, shape))
    raise ValueError(
      f'{name} must be of shape [B, {wanted}], B at least 1, not '
      f'{list(values.shape)}'
    )
  return values


def _check(name, value, must, is_fine):
  if not is_fine:
    raise ValueError(f'{name} must be {must}, not {value!r}')


def _check_seed(seed):
  _check('seed', seed, f'in 0..{_MOST_SEED}', 0 <= seed <= _MOST_SEED)


def _batches(values):
  return [values[k : k + _BATCH] for k in range(0, len(values), _BATCH)]


def _by_batches(door, values):
  return np.concatenate([np.asarray(door(part)) for part in _batches(values)])
