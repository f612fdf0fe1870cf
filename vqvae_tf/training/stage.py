"""What the training loop trains, on what, and what is said of it."""

import abc
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf

from vqvae_tf import configs
from vqvae_tf.datasets.source import Source
from vqvae_tf.models.parameters import Parameters
from vqvae_tf.training.step import Trainer


class Validation(NamedTuple):
  """What a validation found.

  Attributes:
    bits_per_dim: the score, by which the best checkpoint is chosen.
    scalars: what is recorded.
    text: what is printed.
  """

  bits_per_dim: float
  scalars: Mapping[str, float]
  text: str


class Epoch(NamedTuple):
  """What there is to say of a pass over the data.

  Attributes:
    scalars: what is recorded; nothing, if it is empty.
    histograms: the values of histograms in TensorBoard.
    shown: what the bar shows.
  """

  scalars: Mapping[str, float] = MappingProxyType({})
  histograms: Mapping[str, np.ndarray] = MappingProxyType({})
  shown: Mapping[str, float] = MappingProxyType({})


class Stage(abc.ABC):
  """What is trained.

  Args:
    config: with the sections `optimizer` and `run`, and with what was observed.
    num_examples: examples of an epoch.

  Attributes:
    patience: validations without a better one after which training ends; 0:
      it never does.
    sources: the data that a run is recorded with, and resumed on alone.
    allow_other_data: resumes on other data, and records it.
  """

  patience = 0
  sources: tuple[Source, ...] = ()
  allow_other_data = False

  def __init__(self, config: configs.Sections, num_examples: int):
    self.config = config
    self.num_examples = num_examples

  @abc.abstractmethod
  def build(self) -> snt.Module:
    """Returns an untrained model, all of whose variables exist.

    It is called once, before all methods below.

    Raises:
      ValueError: if the configuration contradicts itself.
    """

  @abc.abstractmethod
  def parameters(self) -> Parameters:
    """Returns how many numbers of the model are learned."""

  @abc.abstractmethod
  def batches(self, first_step: int, part: tuple[int, int]) -> tf.data.Dataset:
    """Returns the endless batches of training.

    Args:
      first_step: how many of them to leave out.
      part: (i, n) takes the i-th of n equal parts of each batch.
    """

  @abc.abstractmethod
  def progress(
    self, averages: dict[str, float]
  ) -> tuple[dict[str, float], dict[str, float]]:
    """Returns what is recorded of some steps, and what the bar shows.

    Args:
      averages: as `Trainer.take_averages` returns them.
    """

  @abc.abstractmethod
  def validation(self) -> Validation:
    """Returns what the model is worth on the validation split."""

  def epoch(self, trainer: Trainer) -> Epoch:
    """Returns what there is to say of an epoch."""
    del trainer
    return Epoch()

  def pictures(self) -> dict[str, np.ndarray]:
    """Returns uint8 `[B, H, W, C]` to be shown, by name.

    It is called after a validation and at the steps of `snapshots.next_step`;
    what is called as a `Snapshot`'s fields is kept for the animation.
    """
    return {}

  def samples(self) -> dict[str, np.ndarray]:
    """Returns uint8 `[B, H, W, C]` that the model makes up, by name.

    They take longer than `pictures`, and are asked for after a validation only.
    """
    return {}

  def advice(self) -> str:
    """Returns what helps where training diverges, beside a lower rate."""
    return ''
