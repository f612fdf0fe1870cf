"""What modules and Keras have to tell each other: weights and settings."""

import contextlib
from collections.abc import Iterable

import keras
import tensorflow as tf


def made() -> contextlib.AbstractContextManager:
  """Lets every replica of a strategy move the variables that are made alike.

  Without an aggregation replicas could not assign to them at all. The modules
  exchange what they have seen, so that it may be the first replica's.
  """
  return tf.variable_creator_scope(_alike_on_replicas)


def adopted(
  variables: Iterable[tf.Variable], name: str
) -> list[keras.Variable]:
  """Returns variables as a layer of that name can have them for weights."""
  with keras.name_scope(name):
    return [
      keras.Variable(
        variable,
        dtype=variable.dtype,
        trainable=variable.trainable,
        name=_weight_name(variable, i),
      )
      for i, variable in enumerate(variables)
    ]


def serialized(arguments: dict | None) -> dict | None:
  """Returns the arguments of `compile` as Keras can save them, if any."""
  if arguments is None:
    return None
  return {
    name: keras.saving.serialize_keras_object(value)
    for name, value in arguments.items()
  }


def deserialized(config: dict) -> dict:
  """Returns the arguments that `serialized` made a configuration of."""
  return {
    name: keras.saving.deserialize_keras_object(value)
    for name, value in config.items()
  }


def _weight_name(variable, index):
  """Returns a variable's name in its module, as Keras takes it."""
  _, *path = variable.name.split(':')[0].split('/')
  # Stages of one kind share their names.
  return '_'.join([*path, str(index)])


def _alike_on_replicas(next_creator, **kwargs):
  kwargs['aggregation'] = tf.VariableAggregation.ONLY_FIRST_REPLICA
  if kwargs.get('trainable') is False:
    # Assigned without waiting for each other, which a branch does not allow.
    kwargs['synchronization'] = tf.VariableSynchronization.ON_READ
  return next_creator(**kwargs)
