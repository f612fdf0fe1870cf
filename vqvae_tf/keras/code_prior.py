"""The prior over codes as a `keras.Model`: compile, fit, evaluate, sample."""

import dataclasses
import json
import math
import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from vqvae_tf import build, configs
from vqvae_tf.configs import PriorConfig
from vqvae_tf.errors import UserError
from vqvae_tf.keras import variables
from vqvae_tf.keras.part import Part
from vqvae_tf.keras.whole import WholeModel
from vqvae_tf.models import CodeBatch, worth
from vqvae_tf.models.weights import weights_of
from vqvae_tf.runs.run import Run
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.serving import exported, load


@keras.saving.register_keras_serializable('vqvae_tf')
class CodePrior(WholeModel):
  """A product of conditionals over the codes of an example, in raster order.

      log p(z | y) = sum_t log softmax(network(z_<t, y)_t)[z_t]

  `fit` and `evaluate` take codes int32 `[B, ..., M]`, and of a conditional
  prior their labels int32 `[B]` as targets; they report `bits_per_code`, the
  mean of -log2 p(z_t | z_<t, y), exactly over the set. The loss is the same in
  nats. A call and `predict` give bits per code, float32 `[B, ..., M]`, of an
  unconditional prior from codes, of a conditional one from `[codes, labels]`.

  Args:
    code_shape: [..., M], of an example's codes; of an image's [h, w, M].
    codebook_sizes: K of each of the M codebooks.
    num_classes: of the labels; 0: the codes are given none.
    config: of the network; None: that of `bin/prior`.
    name: of the model.
    dtype: taken for Keras's sake, float32.
    trainable: as of every Keras layer.
    **settings: in place of those of the configuration, by the names of the
      flags of `bin/prior`: `network='transformer'`, `num_hiddens=128`.

  Attributes:
    core: the `vqvae_tf.CodePrior` inside.

  Raises:
    UserError: if a setting is unknown or does not fit.
    ValueError: if shape and sizes do not fit each other.

  Examples:
    >>> prior = vqvae_tf.keras.CodePrior(
    ...   [7, 7, 1], [512], num_classes=10, num_hiddens=8, num_layers=1
    ... )
    >>> prior.compile(keras.optimizers.Adam(1e-3))
    >>> codes, labels = np.zeros([8, 7, 7, 1], np.int32), np.zeros(8, np.int32)
    >>> history = prior.fit(codes, labels, batch_size=4, verbose=0)
    >>> prior.sample(2, label=3).shape
    (2, 7, 7, 1)
  """

  def __init__(
    self,
    code_shape: Sequence[int],
    codebook_sizes: Sequence[int],
    num_classes: int = 0,
    config: PriorConfig | None = None,
    name: str = 'code_prior',
    dtype: Any = None,
    trainable: bool = True,
    **settings: Any,
  ):
    super().__init__(name=name, dtype=dtype, trainable=trainable)
    *grid, count = map(int, code_shape)
    sizes = tuple(map(int, codebook_sizes))
    if count != len(sizes):
      raise ValueError(
        f'codes of shape {list(code_shape)} have {count} codebooks, but '
        f'codebook_sizes has {len(sizes)}: give K of each'
      )
    if num_classes == 1:
      raise ValueError('one class says nothing: give num_classes=0, or 2 on')
    self.config = dataclasses.replace(
      configs.replace(config or PriorConfig(), **settings),
      grid=tuple(grid),
      codebook_sizes=sizes,
      class_names=tuple(map(str, range(num_classes))),
    )
    with variables.made():
      self.core = build.prior(self.config)
    shape = self.config.code_shape
    outputs = (*shape, max(sizes))
    self.network = Part(
      self.core.nats, self.core.variables, shape, outputs, 'network'
    )
    self.bits_per_code = keras.metrics.Mean('bits_per_code', dtype='float64')
    self.build((None, *shape))

  def call(self, inputs: Any, training: bool | None = None) -> Any:
    """Returns bits per code; in training, what it was given."""
    if training:
      return inputs
    is_pair = isinstance(inputs, list | tuple)
    codes, labels = inputs if is_pair else (inputs, None)
    return self.core.nats(codes, labels) / math.log(2)

  def _loss(self, x, y, y_pred, training):
    """Returns the mean nats per code, a float scalar; counts the bits."""
    del y_pred
    losses = self.core.losses(self._batch(x, y), training)
    bits = losses.nats / math.log(2) / self.config.num_codes
    self.bits_per_code.update_state(bits)
    return losses.loss

  def test_step(self, data: Any) -> dict[str, tf.Tensor]:
    """Adds a batch of evaluation; returns the figures of all so far."""
    codes, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
    self._check_unweighted(weights)
    loss = self._loss(codes, labels, None, False)
    self._loss_tracker.update_state(loss, tf.shape(codes)[0])
    return self.get_metrics_result()

  def compute_metrics(
    self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
  ) -> dict[str, tf.Tensor]:
    """Returns the figures of all batches so far."""
    del x, y, y_pred, sample_weight
    return self.get_metrics_result()

  def _batch(self, codes, labels):
    if labels is None:
      if self.config.num_classes:
        raise ValueError(
          f'the prior is given one of {self.config.num_classes} classes: give '
          'labels beside the codes, as targets'
        )
      labels = tf.zeros(tf.shape(codes)[:1], tf.int32)
    return CodeBatch(tf.cast(codes, tf.int32), tf.cast(labels, tf.int32))

  @property
  def input_dtype(self) -> str:
    """What the model takes, for the signatures of exports."""
    return 'int32'

  def sample(
    self,
    num: int,
    label: int = -1,
    seed: int = 0,
    temperature: float = 1.0,
    top_p: float = 1.0,
  ) -> np.ndarray:
    """Draws codes, from which `VQVAE.decode` makes images.

    Args:
      num: how many, at least 1.
      label: class of all of them; -1 draws one for each.
      seed: of all that is drawn; another `num` draws others.
      temperature: at least 0; below 1: likelier codes.
      top_p: in (0, 1], the mass of the likeliest codes that are drawn from.

    Returns:
      int32 `[num, ..., M]`.

    Raises:
      ValueError: if a number is out of range.
    """
    if num < 1:
      raise ValueError(f'num must be at least 1, not {num}')
    steps = math.prod(self.config.code_shape)
    masses = max(self.config.codebook_sizes)
    labels = num if label == -1 else tf.fill([num], int(label))
    drawn = self.core.sample(
      labels,
      tf.constant([0, seed]),
      temperature,
      top_p,
      jit_compile=worth.saves_time(1, steps, num, masses),
    )
    return drawn.numpy()

  def get_config(self) -> dict:
    return {
      **super().get_config(),
      'code_shape': list(self.config.code_shape),
      'codebook_sizes': list(self.config.codebook_sizes),
      'num_classes': self.config.num_classes,
      'config': json.loads(configs.to_json(self.config)),
    }

  @classmethod
  def from_config(cls, config: dict) -> 'CodePrior':
    config = dict(config)
    own = configs.from_values(config.pop('config'), PriorConfig)
    return cls(config=own, **config)

  @classmethod
  def from_run(cls, workdir: str | os.PathLike, **kwargs: Any) -> 'CodePrior':
    """Returns the prior in the workdir of its model; see `from_preset`."""
    found = Run(Workdir(workdir)).prior
    if found is None:
      raise _no_prior(workdir)
    return cls._filled(found.config, weights_of(found.model.variables), kwargs)

  @classmethod
  def from_export(cls, path: str | os.PathLike, **kwargs: Any) -> 'CodePrior':
    """Returns the prior of an export; see `from_preset`."""
    metadata = load.read_metadata(path)
    # An early export does not say how its prior is made.
    known = metadata.get('prior', {}).get('config')
    if known is None:
      raise _no_prior(path)
    config = configs.from_values(known, PriorConfig)
    return cls._filled(config, load.weights(path), kwargs)

  @classmethod
  def _filled(cls, config, weights, kwargs):
    made = cls(
      config.code_shape,
      config.codebook_sizes,
      config.num_classes,
      config,
      **kwargs,
    )
    exported.fill(made.core, weights)
    return made


def _no_prior(where):
  return UserError(
    f'{where} has no prior that can be made anew: train one with bin/prior '
    '--workdir=RUN'
  )
