"""A module as a Keras layer: its weights, its line in a summary."""

import keras
import tensorflow as tf

from vqvae_tf.keras import variables


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
    module,
    weights: tuple[tf.Variable, ...],
    input_shape: tuple[int, ...],
    output_shape: tuple[int, ...],
    name: str,
  ):
    super().__init__(name=name, dtype='float32')
    self._module, self._output_shape = module, tuple(output_shape)
    self._module_weights = variables.adopted(weights, name)
    self.build((None, *input_shape))

  def build(self, input_shape):
    # Keras asks for it, and keeps the shape; there is nothing to make.
    del input_shape

  def call(self, inputs):
    return self._module(inputs)

  def compute_output_shape(self, input_shape):
    return (input_shape[0], *self._output_shape)
