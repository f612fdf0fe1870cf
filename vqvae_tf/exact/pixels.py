"""p(example | codes), in integers: the decoder and the likelihood."""

import math
from collections.abc import Mapping

import numpy as np

from vqvae_tf.exact import masses
from vqvae_tf.exact.codes import Read, network
from vqvae_tf.exact.decoder import Decoder
from vqvae_tf.exact.grid import clipped, passes
from vqvae_tf.exact.laws import Interval
from vqvae_tf.exact.layers import table
from vqvae_tf.exact.structure import Structure

# Parameters that are in memory at a time, 8 bytes each.
_PER_PASS = 2**20


class Pixels:
  """The pixels of examples, given their codes.

  Args:
    structure: of the model.
    arrays: integers by name.

  Raises:
    ValueError: if they do not fit each other.
  """

  def __init__(self, structure: Structure, arrays: Mapping[str, np.ndarray]):
    *self._size, channels = self.shape = structure.example_shape
    settings = dict(structure.likelihood)
    kind = settings.pop('kind')
    if kind not in masses.KINDS:
      raise ValueError(f'there is no likelihood {kind!r:.40}')
    self._masses = masses.KINDS[kind](channels, settings)
    self._codebooks = [
      table(arrays, f'codebook_{m}', (size, None))
      for m, size in enumerate(structure.codebook_sizes)
    ]
    _, *sizes = structure.sizes
    self._decoder = Decoder(arrays, sizes, structure.num_residual_layers)
    self._block, self._network = 1, None
    if structure.causal:
      self._block = structure.causal['block_size']
      self._network = network(arrays, structure.causal, self._block**2)

  @property
  def num_outputs(self) -> int:
    """Numbers that the decoder gives for an example."""
    return math.prod(self._size) * self._decoder.num_outputs

  @property
  def has_mean(self) -> bool:
    """Whether codes alone show an example: see `Likelihood.mean`."""
    return self._network is None

  def has_mass(self, examples: np.ndarray) -> bool:
    """Returns whether examples are possible at all."""
    return self._masses.has_mass(examples)

  def intervals(self, codes: np.ndarray, examples: np.ndarray) -> Interval:
    """Returns where the masses of examples lie.

    Args:
      codes: int `[B, ..., M]`.
      examples: uint8 `[B, ..., C]`.

    Returns:
      uint32 `[B, D]`, both, in the order in which they are read.
    """
    shape = [len(codes), math.prod(self.shape)]
    found = Interval(*(np.empty(shape, np.uint32) for _ in range(2)))
    params = math.prod(self._size) * self._masses.num_params
    for part in passes(len(codes), self.num_outputs + params, _PER_PASS):
      params = self._params(codes[part])
      if self._network:
        own = self._cell_intervals(params, examples[part])
      else:
        own = self._masses.intervals(
          params.reshape(-1, params.shape[-1]),
          examples[part].reshape(-1, self.shape[-1]),
        )
      for whole, some in zip(found, own, strict=True):
        whole[part] = some.reshape(-1, shape[1])
    return found

  def read(self, read: Read, codes: np.ndarray) -> np.ndarray:
    """Returns examples uint8 `[B, ..., C]`, read one by one."""
    params = self._params(codes)
    if self._network:
      return self._uncells(self._read_cells(read, self._cells(params)))
    params = params.reshape(len(codes), -1, params.shape[-1])
    pixels = [
      self._masses.read(params[:, t], read) for t in range(params.shape[1])
    ]
    return np.stack(pixels, 1).reshape(-1, *self.shape)

  def _cell_intervals(self, params, examples):
    """Returns where the masses of cells lie, [B h w, S C]."""
    channels = self.shape[-1]
    cells = self._cells(self._masses.features(examples))
    seen = self._network.see(cells, self._cells(params))
    rows = math.prod(cells.shape[:-1])
    seen = [x.reshape(rows, -1) for x in seen]
    cells, pixels = (
      x.reshape(rows, -1) for x in (cells, self._cells(examples))
    )
    size = cells.shape[-1] // self._network.num_slots
    found = Interval(*(np.empty(pixels.shape, np.uint32) for _ in range(2)))
    for s in range(self._network.num_slots):
      own = slice(s * channels, (s + 1) * channels)
      for few in passes(rows, self._masses.num_params):
        outputs = self._network.parameters(
          [x[few] for x in seen], cells[few, : s * size], s
        )
        intervals = self._masses.intervals(outputs, pixels[few, own])
        found.starts[few, own], found.masses[few, own] = intervals
    return found

  def _read_cells(self, read, context):
    """Returns what cells hold, [B, N, S C]."""
    batch, *grid, _ = context.shape
    slots, channels = self._network.num_slots, self.shape[-1]
    pixels = np.empty([batch, math.prod(grid), slots * channels], np.uint8)
    cell = self._masses.features(np.zeros([batch, channels], np.uint8))
    cell = np.zeros([batch, slots * cell.shape[-1]])
    walk = self._network.walk(context, cell.shape[-1])
    for t in range(pixels.shape[1]):
      seen, cell = walk.step(cell), cell[:, :0]
      for s in range(slots):
        outputs = self._network.parameters(seen, cell, s)
        own = self._masses.read(outputs, read)
        pixels[:, t, s * channels : (s + 1) * channels] = own
        cell = np.concatenate([cell, self._masses.features(own)], -1)
    return pixels

  def _params(self, codes):
    """Takes codes to what the decoder says of each pixel, [B, ..., P]."""
    parts = [book[codes[..., m]] for m, book in enumerate(self._codebooks)]
    return self._decoder(clipped(sum(parts)))

  def _cells(self, maps):
    """Takes [B, H, W, E] of pixels to [B, h, w, S E] of square blocks."""
    side = self._block
    if side == 1:
      return maps
    batch, height, width, size = maps.shape
    shape = [batch, height // side, side, width // side, side, size]
    maps = np.moveaxis(maps.reshape(shape), 3, 2)
    return maps.reshape(batch, height // side, width // side, -1)

  def _uncells(self, cells):
    """Takes [B, N, S C] of blocks in raster order to examples."""
    side, channels = self._block, self.shape[-1]
    if side == 1:
      return cells.reshape(-1, *self.shape)
    height, width = (length // side for length in self._size)
    cells = cells.reshape(-1, height, width, side, side, channels)
    return np.moveaxis(cells, 2, 3).reshape(-1, *self.shape)
