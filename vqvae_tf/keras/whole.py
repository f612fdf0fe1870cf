"""What the whole models have in common: compilation, the loss, loading."""

import abc
import os
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from vqvae_tf import replicas
from vqvae_tf.keras import variables
from vqvae_tf.serving import presets, shipped
from vqvae_tf.training import processor


class WholeModel(keras.Model):
  """A `keras.Model` whose loss, metrics and weights are its own.

  Args:
    **kwargs: `name`, `dtype` and `trainable`, as of every Keras model.
  """

  def __init__(self, **kwargs: Any):
    # A cast would make zeros of floats in 0..1, in silence.
    super().__init__(autocast=False, **kwargs)
    self._compile_arguments: dict | None = None

  def build(self, input_shape: Sequence) -> None:
    # All weights are there. Keras asks for it, and keeps the shape.
    del input_shape

  def compile(
    self,
    optimizer: Any = None,
    loss: None = None,
    metrics: None = None,
    jit_compile: bool | str = 'auto',
    **kwargs: Any,
  ) -> None:
    """Configures training: as of every Keras model, but for the loss.

    Args:
      optimizer: of Keras; None: Adam.
      loss: none; it is that of the class.
      metrics: none; they are those of the class.
      jit_compile: whether XLA compiles a step whole; 'auto': not where oneDNN's
        convolutions are faster, which is on a CPU that TensorFlow has use it.
      **kwargs: `run_eagerly` and others, as Keras has them.

    Raises:
      ValueError: if there is a loss or a metric.
    """
    if loss is not None or metrics is not None:
      raise ValueError(
        f'a {type(self).__name__} has a loss and metrics of its own: leave '
        'loss and metrics out'
      )
    if jit_compile == 'auto':
      has_gpu = bool(tf.config.list_physical_devices('GPU'))
      jit_compile = has_gpu or not processor.has_onednn()
    if optimizer is None:
      optimizer = keras.optimizers.Adam(self.learning_rate)
    arguments = {**kwargs, 'optimizer': optimizer, 'jit_compile': jit_compile}
    super().compile(**arguments)
    self._compile_arguments = {**arguments, 'optimizer': self.optimizer}

  # Of Adam, where no optimizer is given.
  learning_rate = 1e-3

  def get_compile_config(self) -> dict | None:
    return variables.serialized(self._compile_arguments)

  def compile_from_config(self, config: dict) -> None:
    self.compile(**variables.deserialized(config))
    # Its state is loaded next.
    self.optimizer.build(self.trainable_variables)

  @abc.abstractmethod
  def _loss(self, x, y, y_pred, training):
    """Returns the mean loss of a replica's examples, a float scalar."""

  def compute_loss(
    self,
    x: Any = None,
    y: Any = None,
    y_pred: Any = None,
    sample_weight: Any = None,
    training: bool = True,
  ) -> tf.Tensor:
    """Returns the share of a replica in the loss of a batch, a float scalar.

    Args:
      x: examples.
      y: targets, if there are any.
      y_pred: what a call made of the examples.
      sample_weight: none.
      training: whether a step of training asks.

    Raises:
      ValueError: if there are sample weights.
    """
    self._check_unweighted(sample_weight)
    loss = self._loss(x, y, y_pred, training)
    # What the layers of a user add: regularizers, say.
    total = tf.add_n([loss, *map(tf.reduce_sum, self.losses)])
    # Keras adds up the gradients of the replicas.
    return total / replicas.count()

  def _check_unweighted(self, sample_weight):
    if sample_weight is not None:
      name = type(self).__name__
      raise ValueError(f'a {name} takes no sample weights: leave them out')

  @classmethod
  def from_preset(cls, preset: str | os.PathLike, **kwargs: Any) -> Any:
    """Returns a trained model, of a `CodePrior` the prior of one.

    Args:
      preset: as `vqvae_tf.load` takes it: a name, an export, a .zip file of
        one, a workdir, hf://USER/MODEL or kaggle://...
      **kwargs: `name`, `dtype` and `trainable`.

    Raises:
      UserError: as `vqvae_tf.load` does, or if there is no prior.
    """
    path = presets.find(preset)
    is_export = shipped.is_export(path)
    return (cls.from_export if is_export else cls.from_run)(path, **kwargs)

  @classmethod
  @abc.abstractmethod
  def from_run(cls, workdir: str | os.PathLike, **kwargs: Any) -> Any:
    """Returns that of the best checkpoint of a run; see `from_preset`."""

  @classmethod
  @abc.abstractmethod
  def from_export(cls, path: str | os.PathLike, **kwargs: Any) -> Any:
    """Returns that of an export; see `from_preset`."""
