"""Modules as Keras layers, and a Keras layer as a module of a model."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from vqvae_tf.keras import variables
from vqvae_tf.nets import Convolution


class Part(keras.layers.Layer):
  """A part of a model that is a module of Sonnet; a model makes its own.

  Args:
    module: takes a tensor to a tensor; all its variables exist.
    weights: its variables, which become the layer's.
    input_shape: of what it takes, the batch left out.
    output_shape: of what it gives, likewise.
    name: of the layer.
  """

  def __init__(
    self,
    module: Callable[[tf.Tensor], tf.Tensor],
    weights: tuple[tf.Variable, ...],
    input_shape: tuple[int, ...],
    output_shape: tuple[int, ...],
    name: str,
  ):
    super().__init__(name=name, dtype='float32')
    self._module, self._output_shape = module, tuple(output_shape)
    self._module_weights = variables.adopted(weights, name)
    self.build((None, *input_shape))

  def build(self, input_shape: tuple) -> None:
    # Keras asks for it, and keeps the shape; there is nothing to make.
    del input_shape

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    return self._module(inputs)

  def compute_output_shape(self, input_shape: tuple) -> tuple:
    return (input_shape[0], *self._output_shape)


class OwnDecoder(tf.Module):
  """A layer of Keras and a convolution, as the decoder of a model.

  Args:
    layer: from embeddings [B, h, w, D] to features [B, H, W, F].
    grid: (h, w).
    num_params: to which a 1x1 convolution takes the features.

  Attributes:
    grid_size: (h, w).
    head: that convolution.
  """

  def __init__(
    self, layer: keras.layers.Layer, grid: tuple[int, ...], num_params: int
  ):
    super().__init__()
    self._layer, self.grid_size = layer, grid
    self.head = Convolution(num_params, 1, name='head')

  def __call__(self, vectors: tf.Tensor) -> tf.Tensor:
    return self.head(self._layer(vectors))


def part_of(
  module: Any,
  input_shape: tuple[int, ...],
  output_shape: tuple[int, ...],
  name: str,
) -> Part:
  """Returns a module with all its variables as a `Part`."""
  return Part(module, module.variables, input_shape, output_shape, name)


def channels_of(convolution: Convolution) -> int:
  """Returns how many channels a convolution takes."""
  return int(convolution.w.shape[-2])
