"""A quantizer as a Keras layer."""

import dataclasses
from collections.abc import Callable

import keras
import tensorflow as tf

from vqvae_tf import quantizers
from vqvae_tf.keras.usage import CodeUsage

if keras.backend.backend() != 'tensorflow':
  raise ImportError(
    f'vqvae_tf.keras needs the TensorFlow backend, but Keras runs on '
    f'{keras.backend.backend()}: set KERAS_BACKEND=tensorflow before the '
    'first import of keras.'
  )

_ESTIMATORS = {
  'straight_through': quantizers.straight_through,
  'rotation': quantizers.rotation_trick,
}


class QuantizerLayer(keras.layers.Layer):
  """Quantizes the last dimension of its inputs; the base of the family.

  A call takes [..., D] floating inputs to quantized vectors of the same shape
  and dtype. It adds the quantizer's loss to those of the model and counts the
  codes: `fit` and `evaluate` report `NAME_perplexity` and `NAME_usage`, NAME
  that of the layer. In training the codebook may move, unless the layer is
  frozen by `trainable = False`. Vectors that a mask [...] leaves out count
  nowhere. Codebooks stay float32 under a policy of mixed precision.

  The layer holds the module of the same name in `vqvae_tf`, whose variables
  are its weights.

  Attributes:
    quantizer: that module.
    usage: the `CodeUsage` that counts the codes.
  """

  def __init__(self, **kwargs):
    super().__init__(**kwargs)
    self.supports_masking = True

  def call(
    self,
    inputs: tf.Tensor,
    training: bool | None = None,
    mask: tf.Tensor | None = None,
  ) -> tf.Tensor:
    if not inputs.dtype.is_floating:
      raise ValueError(
        f'inputs of layer {self.name!r} are {inputs.dtype.name}: it quantizes '
        'floating vectors, such as an encoder makes.'
      )
    moves = bool(training) and self.trainable
    result = self.quantizer.forward(inputs, moves, mask)
    self.add_loss(result.loss)
    self.usage.update_state(result.codes, mask)
    return result.vectors

  def encode(self, inputs: tf.Tensor) -> tf.Tensor:
    """Returns the int32 [..., M] codes of [..., D] vectors."""
    inputs = keras.ops.convert_to_tensor(inputs, self.compute_dtype)
    return self.quantizer.encode(inputs)

  def decode(self, codes: tf.Tensor) -> tf.Tensor:
    """Returns the [..., D] vectors of integer [..., M] codes."""
    return tf.cast(self.quantizer.decode(codes), self.compute_dtype)

  def compute_output_shape(self, input_shape):
    return input_shape

  def get_config(self):
    return {**super().get_config(), **self._settings}

  @property
  def _codebook_dtype(self):
    is_double = self.variable_dtype == 'float64'
    return tf.float64 if is_double else tf.float32

  def _hold(
    self, module: Callable[..., quantizers.Quantizer], settings: dict, **unsaved
  ):
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
    with tf.variable_creator_scope(_alike_on_replicas):
      self.quantizer = module(**arguments, **unsaved)
    self._settings = {name: _plain(value) for name, value in settings.items()}
    with keras.name_scope(self.name):
      self._module_weights = [
        keras.Variable(
          variable,
          dtype=variable.dtype,
          trainable=variable.trainable,
          name=_weight_name(variable, i),
        )
        for i, variable in enumerate(self.quantizer.variables)
      ]
    self.usage = CodeUsage(self.quantizer.codebook_sizes, self.name)
    self.input_spec = keras.layers.InputSpec(
      min_ndim=2, axes={-1: self.quantizer.embedding_dim}
    )


def _weight_name(variable, index):
  """Returns a variable's name in its module, as Keras takes it."""
  _, *path = variable.name.split(':')[0].split('/')
  # Stages of one kind share their names.
  return '_'.join([*path, str(index)])


def _alike_on_replicas(next_creator, **kwargs):
  """Creates a variable that every replica of a strategy moves alike.

  Without an aggregation replicas could not assign to it at all. The quantizers
  exchange what they have seen, so that it may be the first replica's.
  """
  kwargs['aggregation'] = tf.VariableAggregation.ONLY_FIRST_REPLICA
  if kwargs.get('trainable') is False:
    # Assigned without waiting for each other, which a branch does not allow.
    kwargs['synchronization'] = tf.VariableSynchronization.ON_READ
  return next_creator(**kwargs)


def _plain(setting):
  """Returns a setting as Keras can save it."""
  if isinstance(setting, quantizers.CodebookPolicy):
    return dataclasses.asdict(setting)
  if isinstance(setting, (list, tuple)):
    return [_plain(each) for each in setting]
  if isinstance(setting, QuantizerLayer):
    return keras.saving.serialize_keras_object(setting)
  return setting


def _policy(setting):
  if isinstance(setting, dict):
    return quantizers.CodebookPolicy(**setting)
  return setting


def _estimator(name):
  if name not in _ESTIMATORS:
    raise ValueError(
      f'estimator must be one of {", ".join(_ESTIMATORS)}, not {name!r}.'
    )
  return _ESTIMATORS[name]


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
