"""Images to bytes that every machine takes back to the same images."""

import functools
import io
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from vqvae_tf import files
from vqvae_tf.codec import coding, container, tiles
from vqvae_tf.codec.coding import Content
from vqvae_tf.errors import UserError
from vqvae_tf.exact import model
from vqvae_tf.exact.model import ExactModel
from vqvae_tf.serving import manifest, shipped

# In an export.
PLACE = Path('assets.extra') / 'codec.npz'
# Examples that are encoded, or made of codes, at a time.
_BATCH = 64
# Tiles of an image that choose its label.
_TELLING = 8


class Sizes(NamedTuple):
  """What the bytes of a file are for; they add up to its size.

  Attributes:
    header: bytes of header, index and the ends of lanes.
    labels: bytes of the classes that a conditional prior is given.
    codes: bytes of the codes.
    pixels: bytes of the pixels.
    checksums: bytes of the checksums.
  """

  header: float
  labels: float
  codes: float
  pixels: float
  checksums: float


class Codec:
  """Compresses images with a trained model, without loss.

      image -> encoder -> codes z -> p(z | y), p(x | z) -> file

  A file holds the class y that a conditional prior is given, the codes and the
  pixels, each at -log2 of its probability in bits: what bits/dim promise. The
  probabilities are integers, computed without any rounding that could differ,
  so that a file is read on every machine, by any number of threads, with any
  version of TensorFlow, or with none: reading takes NumPy alone. Only the model
  that wrote a file reads it.

  Images of another size than the model's are cut into tiles of that size.

  Args:
    export: folder of an export, as `bin/export` makes it, or the name of a
      model that comes with the package: see `vqvae_tf.models`.

  Raises:
    UserError: if it is no export of vqvae_tf, or is damaged, or has no exact
      form.

  Examples:
    >>> codec = vqvae_tf.Codec('mnist')
    >>> images = np.zeros([2, 28, 28, 1], np.uint8)
    >>> data = codec.compress(images)
    >>> bool((codec.decompress(data) == images).all())
    True

  References:
    Duda, Asymmetric numeral systems, 2013 (https://arxiv.org/abs/1311.2540).
  """

  def __init__(self, export: str | os.PathLike):
    self._path = shipped.find(export)
    self._model = _exact_model(self._path)

  @property
  def example_shape(self) -> tuple[int, ...]:
    """`[H, W, C]`, or of other examples `[..., C]`."""
    return self._model.structure.example_shape

  def compress(
    self,
    images: np.ndarray | list[np.ndarray],
    labels: np.ndarray | None = None,
    random_access: bool = False,
    lossy: bool = False,
  ) -> bytes:
    """Returns the file of images.

    Args:
      images: uint8 `[B, H, W, C]`, or a list of such `[H, W, C]`; of the
        model's size, or any, if B counts images.
      labels: int `[B]`, the classes that a conditional prior is given; None:
        those under which the codes are cheapest, for which it takes a pass
        each.
      random_access: whether each image is read without any other; costs about
        8 bytes for each.
      lossy: whether codes are all that is kept.

    Returns:
      The bytes of the file.

    Raises:
      UserError: if the images or labels are not what the model takes.
    """
    file = io.BytesIO()
    batches = [(images, labels)]
    self.compress_to(file, batches, random_access, lossy)
    return file.getvalue()

  def compress_to(
    self,
    file: BinaryIO,
    batches: Iterable,
    random_access: bool = False,
    lossy: bool = False,
  ) -> None:
    """Writes the file of images while they come in; see `compress`.

    Args:
      file: open for bytes.
      batches: of pairs of images and labels, as `compress` takes them.
      random_access: likewise.
      lossy: likewise.

    Raises:
      UserError: as `compress` does.
    """
    if lossy and not self._model.pixels.has_mean:
      raise UserError(
        f'{self._path} has an autoregressive decoder, which makes a sample of '
        'codes and no copy of an image: compress without --lossy'
      )
    kind = container.CODES if lossy else container.LOSSLESS
    writer = container.Writer(file, kind, self._model.fingerprint)
    runs: list[container.Run] = []
    contents = self._contents(batches, lossy, runs)
    for block in coding.blocks(self._model, contents, random_access):
      writer.add(block)
    size = self.example_shape[:2]
    writer.finish([] if all(run[1:] == size for run in runs) else runs)

  def decompress(
    self, data: bytes, first: int = 0, count: int | None = None
  ) -> np.ndarray | list[np.ndarray]:
    """Returns the images of a file, or some of them.

    Args:
      data: the bytes of the file.
      first: number of the first image.
      count: how many; None: all that follow.

    Returns:
      uint8 `[B, H, W, C]`; a list if the images are of several sizes.

    Raises:
      UserError: if the file is damaged or another model's, or has fewer images.
    """
    images = list(self.images(data, first, count))
    if len({image.shape for image in images}) > 1:
      return images
    if not images:
      return np.zeros([0, *self.example_shape], np.uint8)
    return np.stack(images)

  def images(
    self, data: bytes, first: int = 0, count: int | None = None
  ) -> Iterator[np.ndarray]:
    """Yields the images of a file one by one; see `decompress`."""
    file = self._file(data)
    total = self.num_images(data)
    count = total - first if count is None else count
    if not 0 <= first <= first + count <= total:
      raise UserError(
        f'the file has {total} images: there are no {count} from number '
        f'{first} on'
      )
    if not file.runs:
      yield from self._examples(file, first, first + count)
      return
    done = place = 0
    for run in file.runs:
      each, size = self._num_tiles(run), (run.height, run.width)
      low = min(max(first - done, 0), run.images)
      high = min(max(first + count - done, 0), run.images)
      few = []
      for example in self._examples(
        file, place + low * each, place + high * each
      ):
        few.append(example)
        if len(few) == each:
          yield tiles.join(np.stack(few), size)
          few = []
      done += run.images
      place += run.images * each

  def num_images(self, data: bytes) -> int:
    """Returns the number of images of a file.

    Raises:
      UserError: if the file is damaged or another model's.
    """
    file = self._file(data)
    return sum(run.images for run in file.runs) or file.examples

  def is_lossy(self, data: bytes) -> bool:
    """Returns whether codes are all that a file has.

    Raises:
      UserError: if the file is damaged or another model's.
    """
    return self._file(data).kind == container.CODES

  def sizes(self, data: bytes) -> Sizes:
    """Returns what the bytes of a file are for, reading it to its end.

    Raises:
      UserError: if the file is damaged or another model's.
    """
    file = self._file(data)
    bits = np.zeros(3)
    for _, block in file.blocks(0, file.examples):
      bits += self._read(file, block, range(len(block.words)))[2]
    parts = bits / 8
    checksums = 4.0 * file.lanes
    header = len(data) - float(parts.sum()) - checksums
    labels, codes, pixels = map(float, parts)
    return Sizes(header, labels, codes, pixels, checksums)

  @functools.cached_property
  def _subject(self):
    # Only encoding images, and painting codes, takes TensorFlow.
    from vqvae_tf.serving import load

    return load.from_export(self._path)

  def _contents(self, batches, lossy, runs):
    """Yields the content of batches, and adds the sizes of images to runs."""
    for images, labels in batches:
      if labels is not None and len(labels) != len(images):
        raise UserError(
          f'there are {len(images)} images, but {len(labels)} labels'
        )
      if (
        isinstance(images, np.ndarray)
        and images.shape[1:] == self.example_shape
      ):
        tiles.check(images, self.example_shape)
        container.add_to_runs(runs, len(images), *self.example_shape[:2])
        for k in range(0, len(images), _BATCH):
          part = slice(k, k + _BATCH)
          codes = self._encode(images[part], lossy)
          own = None if labels is None else labels[part]
          yield self._content(codes, images[part], own, lossy)
        continue
      for k, image in enumerate(images):
        image = np.asarray(image)
        tiles.check(image[np.newaxis], self.example_shape)
        container.add_to_runs(runs, 1, *image.shape[:2])
        label = None if labels is None else labels[k]
        yield from self._tiles(image, label, lossy)

  def _tiles(self, image, label, lossy):
    """Yields the content of an image's tiles, which have one label."""
    cut = tiles.cut(image, self.example_shape[:2])
    for k in range(0, len(cut), _BATCH):
      few = cut[k : k + _BATCH]
      codes = self._encode(few, lossy)
      if label is None:
        # Some tell enough.
        told = codes[:: max(1, len(codes) // _TELLING)]
        label = self._cheapest(told.reshape(1, *told.shape))[0]
      yield self._content(codes, few, np.full(len(few), label), lossy)

  def _encode(self, examples, lossy):
    if not lossy and not self._model.pixels.has_mass(examples):
      raise UserError(
        'the model is of images with two values, 0 and 255: others have no '
        'probability, and cannot be compressed'
      )
    return np.asarray(self._subject.encode(examples))

  def _content(self, codes, examples, labels, lossy):
    classes = self._model.codes.num_classes
    if not classes:
      labels = np.zeros(len(codes), np.int64)
    elif labels is None:
      labels = self._cheapest(codes[:, np.newaxis])
    labels = np.asarray(labels, np.int64)
    if classes and not 0 <= labels.min() <= labels.max() < classes:
      raise UserError(f'labels must be in 0..{classes - 1}')
    return Content(codes, labels, None if lossy else examples)

  def _cheapest(self, codes):
    """Returns a label for each group of codes [groups, B, ..., M]."""
    if not self._model.codes.num_classes:
      return np.zeros(len(codes), np.int64)
    groups, size = codes.shape[:2]
    costs = self._model.codes.costs(codes.reshape(-1, *codes.shape[2:]))
    return costs.reshape(-1, groups, size).sum(-1).argmin(0)

  def _file(self, data):
    try:
      file = container.File(data)
    except ValueError as error:
      raise UserError(f'cannot read the file: {error}') from error
    if file.fingerprint != self._model.fingerprint:
      raise UserError(
        'cannot read the file: another model wrote it, of fingerprint '
        f'{file.fingerprint.hex()}; that of {self._path} is '
        f'{self._model.fingerprint.hex()}'
      )
    if file.runs:
      tiled = sum(run.images * self._num_tiles(run) for run in file.runs)
      if tiled != file.examples:
        raise UserError(
          f'cannot read the file: it is damaged: it has {file.examples} tiles '
          f'of images that have {tiled}'
        )
    return file

  def _num_tiles(self, run):
    size = run.height, run.width
    return math.prod(tiles.counts(size, self.example_shape[:2]))

  def _read(self, file, block, lanes):
    has_pixels = file.kind == container.LOSSLESS
    try:
      return coding.read(self._model, block, lanes, has_pixels)
    except ValueError as error:
      raise UserError(
        f'cannot read the file: it is damaged: {error}'
      ) from error

  def _examples(self, file, first, end):
    """Yields examples of a file one by one."""
    for start, block in file.blocks(first, end):
      wanted = range(max(first - start, 0), min(end - start, block.examples))
      lanes = sorted({k % len(block.words) for k in wanted})
      places, content, _ = self._read(file, block, lanes)
      rows = dict(zip(places, self._shown(content), strict=True))
      for k in wanted:
        yield rows[k]

  def _shown(self, content):
    """Returns examples, of codes alone what the decoder makes of them."""
    if content.examples is not None:
      return content.examples
    return np.concatenate(
      [
        np.asarray(self._subject.decode(content.codes[k : k + _BATCH]))
        for k in range(0, len(content.codes), _BATCH)
      ]
    )


def _exact_model(path: Path) -> ExactModel:
  """Returns the integers of an export, derived if it has none."""
  try:
    manifest.check(path)
    if (path / PLACE).exists():
      return model.read(path / PLACE)
  except (OSError, ValueError) as error:
    raise UserError(
      f'the export {path} is damaged: {files.one_line(error)}; make it anew '
      'with bin/export --overwrite'
    ) from error
  # Takes TensorFlow, which reading a newer export does not.
  from vqvae_tf.serving import load

  try:
    return ExactModel(*load.integers_of(path))
  except ValueError as error:
    raise UserError(f'{path} has no exact form: {error}') from error
