"""A small classifier of real images, the judge of samples.

It is trained once per data set on the training split, and kept.
"""

from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

_NUM_FEATURES = 128


class Recipe(NamedTuple):
  """How the classifier of a data set is trained.

  Attributes:
    channels: of its stages, two convolutions each, halving in between.
    epochs: passes over the training split.
    flip: whether images may be mirrored.
    shift: largest random shift, a share of the side.
    least: accuracy on the test images below which it is no judge.
  """

  channels: tuple[int, ...]
  epochs: int
  flip: bool
  shift: float
  least: float


RECIPES = {
  'digits': Recipe((16, 32), 10, False, 0.0, 0.95),
  'mnist': Recipe((16, 32, 64), 3, False, 0.07, 0.99),
  'fashion_mnist': Recipe((16, 32, 64), 6, True, 0.0, 0.91),
  'cifar10': Recipe((24, 48, 96), 5, True, 0.0, 0.75),
}


class Classifier:
  """Takes uint8 images to labels and to features.

  Args:
    model: a Keras model of two outputs, logits `[B, 10]` and features `[B, F]`.
  """

  def __init__(self, model: keras.Model):
    self._model = model

  def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns labels int64 `[B]` and features float64 `[B, F]`."""
    logits, features = self._model.predict(images, batch_size=200, verbose=0)
    return logits.argmax(-1), features.astype(np.float64)


def trained(
  name: str, images: np.ndarray, labels: np.ndarray, folder: Path
) -> Classifier:
  """Returns the classifier of a data set, trained unless `folder` has it.

  Args:
    name: of the data set, a key of `RECIPES`.
    images: uint8 `[N, H, W, C]` of the training split.
    labels: int `[N]`.
    folder: where it is kept.
  """
  path = folder / f'classifier_{name}.keras'
  if not path.exists():
    folder.mkdir(parents=True, exist_ok=True)
    _train(RECIPES[name], images, labels).save(path)
  return Classifier(keras.models.load_model(path))


def _train(recipe, images, labels):
  keras.utils.set_random_seed(0)
  model = _network(images.shape[1:], recipe)
  training = keras.Model(model.input, model.outputs[0])
  steps = recipe.epochs * (len(labels) // 64)
  rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
  training.compile(
    keras.optimizers.AdamW(rate, weight_decay=1e-2),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=['accuracy'],
    # On a CPU oneDNN's convolutions are faster than XLA's.
    jit_compile=False,
  )
  training.fit(images, labels, batch_size=64, epochs=recipe.epochs, verbose=2)
  return model


def _network(shape, recipe):
  inputs = keras.Input(shape)
  x = keras.layers.Rescaling(1 / 127.5, -1.0)(inputs)
  if recipe.flip:
    x = keras.layers.RandomFlip('horizontal')(x)
  if recipe.shift:
    x = keras.layers.RandomTranslation(recipe.shift, recipe.shift)(x)
  for i, channels in enumerate(recipe.channels):
    if i:
      x = keras.layers.MaxPooling2D()(x)
    for _ in range(2):
      x = keras.layers.Conv2D(channels, 3, padding='same', use_bias=False)(x)
      x = keras.layers.BatchNormalization()(x)
      x = keras.layers.ReLU()(x)
  x = keras.layers.GlobalAveragePooling2D()(x)
  features = keras.layers.Dense(_NUM_FEATURES, activation='relu')(x)
  logits = keras.layers.Dense(10)(keras.layers.Dropout(0.3)(features))
  return keras.Model(inputs, [logits, features])


def frechet_distance(one: np.ndarray, other: np.ndarray) -> float:
  """Returns the Frechet distance of the normals fitted to two sets.

  |m - m'|^2 + tr(S + S' - 2 (S S')^(1/2)), with the means and the covariances
  of the features. It falls with the number of examples: compare equal numbers.

  Args:
    one: float64 features `[N, F]`.
    other: float64 features `[N', F]`.

  References:
    Heusel et al., GANs Trained by a Two Time-Scale Update Rule, 2017.
  """
  difference = one.mean(0) - other.mean(0)
  first, second = np.cov(one.T), np.cov(other.T)
  # (S S')^(1/2) has the trace of the symmetric (R S' R)^(1/2), R = S^(1/2).
  root = _root(first)
  cross = np.trace(_root(root @ second @ root))
  return float(difference @ difference + np.trace(first + second) - 2 * cross)


def _root(matrix):
  values, vectors = np.linalg.eigh(matrix)
  # Rounding may leave a little less than zero.
  return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
