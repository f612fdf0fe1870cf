"""A quantizer as a Keras layer."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from vqvae_tf import quantizers
from vqvae_tf.keras import variables
from vqvae_tf.keras.usage import CodeUsage
from vqvae_tf.quantizers.quantizer import ESTIMATORS


class QuantizerLayer(keras.layers.Layer):
  """Quantizes the last dimension of its inputs; the base of the family.

  A call takes [..., D] floating inputs to quantized vectors of the same shape
  and dtype. It adds the quantizer's loss to those of the model and counts the
  codes: `fit` and `evaluate` report `NAME_perplexity`, `NAME_usage` and
  `NAME_not_finite`, NAME that of the layer. In training the codebook may move,
  unless the layer is frozen by `trainable = False`. Vectors that a mask [...]
  leaves out count nowhere. Codebooks stay float32 under a policy of mixed
  precision.

  The layer holds the module of the same name in `vqvae_tf`, whose variables
  are its weights.

  Attributes:
    quantizer: that module.
    usage: the `CodeUsage` that counts the codes.
  """

  def __init__(self, **kwargs: Any):
    super().__init__(**kwargs)
    self.supports_masking = True

  def call(
    self,
    inputs: tf.Tensor,
    training: bool | None = None,
    mask: tf.Tensor | None = None,
    method: str = 'quantize',
  ) -> tf.Tensor:
    if method != 'quantize':
      return {'encode': self.encode, 'decode': self.decode}[method](inputs)
    if not inputs.dtype.is_floating:
      raise ValueError(
        f'inputs of layer {self.name!r} are {inputs.dtype.name}: it quantizes '
        'floating vectors, such as an encoder makes.'
      )
    moves = False if training is None or not self.trainable else training
    result = self.quantizer.forward(inputs, moves, mask)
    # In the dtype of Keras's own losses, to which it is added.
    self.add_loss(tf.cast(result.loss, keras.config.floatx()))
    self.usage.update_state(result.codes, mask, result.finite)
    return result.vectors

  def encode(self, inputs: tf.Tensor) -> tf.Tensor:
    """Returns the int32 [..., M] codes of [..., D] vectors.

    Args:
      inputs: vectors, or a symbolic tensor of a functional model.

    Raises:
      ValueError: if a vector is not finite. A compiled model gives it any code.
    """
    if keras.utils.is_keras_tensor(inputs):
      return self(inputs, method='encode')
    inputs = keras.ops.convert_to_tensor(inputs, self.compute_dtype)
    return self.quantizer.encode(inputs)

  def decode(self, codes: tf.Tensor) -> tf.Tensor:
    """Returns the [..., D] vectors of integer [..., M] codes.

    Args:
      codes: of `ResidualQuantizer` also [..., m], those of the first stages; or
        a symbolic tensor of a functional model.
    """
    if keras.utils.is_keras_tensor(codes):
      return self(codes, method='decode')
    return tf.cast(self.quantizer.decode(codes), self.compute_dtype)

  def get_config(self) -> dict[str, Any]:
    return {**super().get_config(), **self._settings}

  @property
  def _codebook_dtype(self):
    is_double = self.variable_dtype == 'float64'
    return tf.float64 if is_double else tf.float32

  def _hold(
    self,
    module: Callable[..., quantizers.Quantizer],
    settings: dict[str, Any],
    **unsaved: Any,
  ) -> None:
    """Makes the module; its variables become the layer's weights.

    Args:
      module: its class.
      settings: the arguments that `get_config` returns. Those of `_READERS`
        are Keras's words for what the class takes.
      **unsaved: its other arguments.
    """
    arguments = {
      name: _READERS[name](value) if name in _READERS else value
      for name, value in settings.items()
    }
    with variables.made():
      self.quantizer = module(**arguments, **unsaved)
    self._settings = {name: _plain(value) for name, value in settings.items()}
    self._module_weights = variables.adopted(
      self.quantizer.variables, self.name
    )
    self.usage = CodeUsage(self.quantizer.codebook_sizes, self.name)
    # A SavedModel holds what TensorFlow tracks: not the variables of a metric.
    self._counted = tf.Module()
    self._counted.counts = [each.value for each in self.usage.variables]


def _plain(setting):
  """Returns a setting as Keras can save it."""
  if isinstance(setting, quantizers.CodebookPolicy):
    setting = dataclasses.asdict(setting)
  if isinstance(setting, dict):
    return {name: _plain(value) for name, value in setting.items()}
  if isinstance(setting, (list, tuple)):
    return [_plain(each) for each in setting]
  if isinstance(setting, QuantizerLayer):
    return keras.saving.serialize_keras_object(setting)
  return setting.item() if isinstance(setting, np.generic) else setting


def _policy(setting):
  if isinstance(setting, dict):
    return quantizers.CodebookPolicy(**setting)
  return setting


def _estimator(name):
  # A function could not be saved.
  if not isinstance(name, str) or name not in ESTIMATORS:
    raise ValueError(
      f'estimator must be one of {", ".join(ESTIMATORS)}, not {name!r}.'
    )
  return ESTIMATORS[name]


def _modules(layers):
  layers = [
    keras.saving.deserialize_keras_object(layer)
    if isinstance(layer, dict)
    else layer
    for layer in layers
  ]
  for layer in layers:
    if not isinstance(layer, QuantizerLayer):
      raise ValueError(
        f'quantizers must be layers of vqvae_tf.keras, not {layer!r}.'
      )
    if not layer.trainable:
      raise ValueError(
        f'layer {layer.name!r} is frozen, which it cannot be by itself: '
        'freeze the layer that it is a part of.'
      )
  if len({id(layer) for layer in layers}) < len(layers):
    # Saved, it would be two: the file could not be loaded.
    raise ValueError('quantizers has one layer twice: make one for each place.')
  return [layer.quantizer for layer in layers]


_READERS = {'estimator': _estimator, 'policy': _policy, 'quantizers': _modules}
