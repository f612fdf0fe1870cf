"""The convolutional decoder in integers: see `nets.Decoder`."""

from collections.abc import Mapping

import numpy as np

from vqvae_tf.exact.grid import clipped, relu
from vqvae_tf.exact.layers import Affine, Doubling, convolve


class Decoder:
  """Takes embeddings to the parameters of p(x | z).

  Args:
    arrays: integers by name.
    sizes: the sides that the grid has after each doubling.
    num_residual_layers: residual blocks.
  """

  def __init__(
    self,
    arrays: Mapping[str, np.ndarray],
    sizes: list[tuple[int, ...]],
    num_residual_layers: int,
  ):
    self._conv = Affine(arrays, 'decoder/conv')
    stack = 'decoder/residual_stack'
    self._blocks = [
      (
        Affine(arrays, f'{stack}/res3x3_{i}'),
        Affine(arrays, f'{stack}/res1x1_{i}'),
      )
      for i in range(num_residual_layers)
    ]
    self._doublings = [
      (Doubling(arrays, f'decoder/double_{i}'), size)
      for i, size in enumerate(sizes)
    ]

  @property
  def num_outputs(self) -> int:
    """Parameters of a pixel."""
    return self._doublings[-1][0].channels

  def __call__(self, embeddings: np.ndarray) -> np.ndarray:
    """Takes activations `[B, ..., D]` to `[B, ..., num_outputs]`."""
    same = [(1, 1)] * (embeddings.ndim - 2)
    outputs = convolve(self._conv, embeddings, same)
    for conv3, conv1 in self._blocks:
      hidden = convolve(conv3, relu(outputs), same)
      outputs = clipped(outputs + conv1(relu(hidden)))
    for layer, size in self._doublings:
      # The stack ends with one, and so does every doubling but the last.
      outputs = layer.double(relu(outputs), size)
    return outputs
