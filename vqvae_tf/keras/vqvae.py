"""The VQ-VAE as a `keras.Model`: compile, fit, evaluate, predict, save."""

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from vqvae_tf import bits, build, configs, replicas
from vqvae_tf.configs import presets as recipes
from vqvae_tf.errors import UserError
from vqvae_tf.keras import variables
from vqvae_tf.keras.figures import Figures
from vqvae_tf.keras.layer import QuantizerLayer
from vqvae_tf.keras.part import OwnDecoder, Part, channels_of, part_of
from vqvae_tf.keras.usage import CodeUsage
from vqvae_tf.keras.whole import WholeModel
from vqvae_tf.media.examples import check_examples
from vqvae_tf.models import SEED, serve
from vqvae_tf.models.weights import assign, weights_of
from vqvae_tf.runs.run import Run
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.serving import card, load, presets, rebuilt, saved_model
from vqvae_tf.version import __version__

# The precisions of training that a policy of Keras stands for.
_PRECISIONS = {
  'float32': 'float32',
  'bfloat16': 'mixed_bfloat16',
  'float16': 'mixed_float16',
}


@keras.saving.register_keras_serializable('vqvae_tf')
class VQVAE(WholeModel):
  """A vector quantized variational autoencoder over uint8 examples.

      loss = -log p(x | z_q(x)) / D + quantizer_weight * quantizer loss

  in nats per dimension, D = H W C: networks, quantizer and likelihood are those
  that `bin/train` trains. `fit` and `evaluate` take examples alone (labels
  beside them are left out) and report `bits_per_dim`, its two parts,
  `codes_in_use` and `perplexity`, `evaluate` also `psnr_db`: see `Figures`.
  `predict` and a call give reconstructions, uint8. Under a `tf.distribute`
  strategy each replica needs an example of each batch: drop the remainder.

  Args:
    example_shape: of an example, [H, W, C] of an image.
    config: name of a preset, as `bin/train --list_presets` has them, or a
      `vqvae_tf.configs.Config`. Of its settings those of the training loop do
      not count: `compile` and `fit` have their own.
    encoder: a layer in place of the preset's, from floats [B, H, W, C] around
      zero to features [B, h, w, F]; a 1x1 convolution takes these to the
      quantizer's dimension.
    quantizer: a layer of this package in place of the preset's; or a kind, as
      `--quantizer` takes it.
    decoder: a layer in place of the preset's, from embeddings [B, h, w, D] to
      features [B, H, W, F]; a 1x1 convolution takes these to the parameters of
      the likelihood. Or a kind, as `--decoder` takes it.
    name: of the model.
    dtype: Keras's policy: 'float32', 'mixed_bfloat16' or 'mixed_float16', in
      which encoder and decoder are trained.
    trainable: as of every Keras layer.
    **settings: in place of those of the preset, by the names of the flags:
      `num_embeddings=256`.

  Attributes:
    core: the `vqvae_tf.VQVAE` inside.
    config: the configuration.
    figures: the metric.

  Raises:
    UserError: if a setting is unknown or does not fit.
    ValueError: if the shape does not fit the networks.

  Examples:
    >>> model = vqvae_tf.keras.VQVAE([28, 28, 1], 'mnist', num_hiddens=16)
    >>> model.compile(keras.optimizers.Adam(1e-3))
    >>> images = np.zeros([8, 28, 28, 1], np.uint8)
    >>> history = model.fit(images, batch_size=4, verbose=0)
    >>> model.encode(images).shape
    (8, 7, 7, 1)
  """

  def __init__(
    self,
    example_shape: Sequence[int],
    config: configs.Config | str = 'default',
    encoder: keras.layers.Layer | None = None,
    quantizer: QuantizerLayer | str | None = None,
    decoder: keras.layers.Layer | str | None = None,
    name: str = 'vqvae',
    dtype: Any = None,
    trainable: bool = True,
    **settings: Any,
  ):
    super().__init__(name=name, dtype=dtype, trainable=trainable)
    if isinstance(quantizer, str):
      settings['quantizer'], quantizer = quantizer, None
    if isinstance(decoder, str):
      settings['decoder'], decoder = decoder, None
    self.config = self._configured(config, example_shape, settings)
    self.learning_rate = self.config.optimizer.learning_rate
    self._own = {'encoder': encoder, 'quantizer': quantizer, 'decoder': decoder}
    if decoder is None:
      self._check_grid(encoder)
    parts = {
      'encoder': encoder,
      'bottleneck': quantizer and quantizer.quantizer,
      'decoder': decoder
      and (lambda count: OwnDecoder(decoder, self._grid(encoder), count)),
    }
    with variables.made():
      self.core = build.initialized_model(self.config, **parts)
    self._hold(encoder, quantizer, decoder)
    self.figures = Figures(self.core.quantizer.codebook_sizes)
    self._served = serve(self.core, self.config.example_shape)
    self.build((None, *self.config.example_shape))

  def _configured(self, config, example_shape, settings):
    if isinstance(config, str):
      config = recipes.named(config).config
    if 'precision' in settings or self.compute_dtype not in _PRECISIONS:
      raise ValueError(
        "the precision is Keras's policy: give dtype='float32', "
        "'mixed_bfloat16' or 'mixed_float16'"
      )
    precision = _PRECISIONS[self.compute_dtype]
    config = configs.replace(config, precision=precision, **settings)
    shape = tuple(int(side) for side in example_shape)
    return dataclasses.replace(config, image_shape=shape)

  def _grid(self, encoder):
    if encoder is None:
      return build.code_shape(self.config)[:-1]
    floats = tf.zeros([1, *self.config.example_shape])
    return tuple(encoder(floats).shape[1:-1])

  def _check_grid(self, encoder):
    """Checks that the preset's decoder takes what an encoder gives."""
    grid, taken = self._grid(encoder), self._grid(None)
    if grid != taken:
      raise ValueError(
        f'the encoder makes a grid of {grid}, but the decoder of the preset '
        f'takes {taken}: give num_halvings=, or a decoder of your own'
      )

  def _hold(self, encoder, quantizer, decoder):
    """Makes the parts of the model layers of Keras, whose weights they hold."""
    core, shape = self.core, self.config.example_shape
    *grid, _ = core.code_shape
    features = channels_of(core.projection)
    vectors = (*grid, core.quantizer.embedding_dim)
    self.encoder = encoder or part_of(
      core.encoder, shape, (*grid, features), 'encoder'
    )
    self.pre_quantization = part_of(
      core.projection, (*grid, features), vectors, 'pre_quantization'
    )
    if quantizer is not None:
      # The core does not call it: it takes the module inside.
      quantizer.build((None, *vectors))
    self.quantizer = quantizer or Part(
      lambda inputs: core.quantizer.forward(inputs, False).vectors,
      core.quantizer.variables,
      vectors,
      vectors,
      'quantizer',
    )
    params = (*shape[:-1], core.likelihood.num_params)
    self.decoder = decoder or part_of(core.decoder, vectors, params, 'decoder')
    if isinstance(core.decoder, OwnDecoder):
      head = core.decoder.head
      self.head = part_of(
        head, (*shape[:-1], channels_of(head)), params, 'head'
      )
    if core.likelihood.variables:
      self.likelihood = Part(
        core.likelihood.mean, core.likelihood.variables, params, shape,
        'likelihood',
      )  # fmt: skip

  def call(self, examples: tf.Tensor, training: bool | None = None) -> Any:
    """Returns reconstructions, uint8; in training, the `Losses`."""
    check_examples(examples)
    if not training:
      return self.core.reconstruct(examples, self._seed)
    if replicas.count() > 1:
      examples = _of_replica(examples)
    # A frozen codebook stays where it is.
    moves = self.trainable and self.quantizer.trainable
    return self.core.losses(examples, moves)

  def _loss(self, x, y, y_pred, training):
    del x, y, training
    return y_pred.loss

  def compute_metrics(
    self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
  ) -> dict[str, tf.Tensor]:
    """Adds a training batch to the figures; returns those of all so far."""
    del y, sample_weight
    nats = y_pred.nats
    self.figures.update_state(x, bits.nats_to_bits(nats), y_pred.codes)
    return self._reported(has_reconstructions=False)

  def test_step(self, data: Any) -> dict[str, tf.Tensor]:
    """Adds a batch of evaluation to the figures; returns those of all."""
    examples, _, weights = keras.utils.unpack_x_y_sample_weight(data)
    self._check_unweighted(weights)
    found, loss = self.core.assess_with_loss(examples)
    self._loss_tracker.update_state(loss, tf.shape(examples)[0])
    self.figures.update_state(
      examples, found.pixel_bits, found.codes, found.reconstructions
    )
    return self._reported(found.reconstructions is not None)

  def get_metrics_result(self) -> dict[str, tf.Tensor]:
    """Returns the figures of all batches so far."""
    return self._reported(self.figures.has_reconstructions)

  def _reported(self, has_reconstructions):
    figures = self.figures.result()
    if not has_reconstructions:
      del figures['psnr_db']
    return {'loss': self._loss_tracker.result(), **figures}

  @property
  def input_dtype(self) -> str:
    """What the model takes, for the signatures of exports."""
    return 'uint8'

  @property
  def metrics(self) -> list[keras.metrics.Metric]:
    """The loss and the figures: the layers count nothing by themselves."""
    return [m for m in super().metrics if not isinstance(m, CodeUsage)]

  @property
  def _seed(self):
    is_sampled = self.core.likelihood.is_autoregressive
    return tf.constant(SEED) if is_sampled else None

  def encode(self, examples: ArrayLike) -> np.ndarray:
    """Returns the codes of examples uint8 `[B, ..., C]`: int32 `[B, ..., M]`.

    Raises:
      ValueError: if they are of another dtype or shape.
    """
    return self._served.encode(examples).numpy()

  def decode(self, codes: ArrayLike, seed: int = 0) -> np.ndarray:
    """Returns the examples of codes: int32 `[B, ..., M]` to uint8.

    Args:
      codes: each below its K.
      seed: of the samples that an autoregressive decoder draws.
    """
    codes = tf.cast(codes, tf.int32)
    return self._served.decode(codes, (0, seed)).numpy()

  def embed(self, codes: ArrayLike) -> np.ndarray:
    """Returns the vectors of codes, float32 `[B, ..., D]`."""
    return self._served.embed(tf.cast(codes, tf.int32)).numpy()

  def export(
    self,
    filepath: str | os.PathLike,
    format: str = 'tf_saved_model',
    **kwargs: Any,
  ) -> Any:
    """Exports reconstruction, as `keras.Model.export` does.

    What has all doors, a card and the codec is `save_to_preset`.
    """
    # Keras exports what was called.
    if not self._called:
      self(np.zeros([1, *self.config.example_shape], np.uint8))
    return super().export(filepath, format=format, **kwargs)

  def get_config(self) -> dict:
    return {
      **super().get_config(),
      'example_shape': list(self.config.example_shape),
      'config': json.loads(configs.to_json(self.config)),
      **{
        part: layer and keras.saving.serialize_keras_object(layer)
        for part, layer in self._own.items()
      },
    }

  @classmethod
  def from_config(cls, config: dict) -> 'VQVAE':
    config = dict(config)
    own = configs.from_values(config.pop('config'), configs.Config)
    for part in ('encoder', 'quantizer', 'decoder'):
      config[part] = config[part] and keras.saving.deserialize_keras_object(
        config[part]
      )
    return cls(config=own, **config)

  @classmethod
  def from_run(cls, workdir: str | os.PathLike, **kwargs: Any) -> 'VQVAE':
    """Returns the best checkpoint of a run; see `from_preset`."""
    run = Run(Workdir(workdir))
    return cls._filled(run.config, weights_of(run.model.variables), kwargs)

  @classmethod
  def from_export(cls, path: str | os.PathLike, **kwargs: Any) -> 'VQVAE':
    """Returns the model of an export; see `from_preset`."""
    return cls._filled(load.read_config(path), load.weights(path), kwargs)

  @classmethod
  def _filled(cls, config, weights, kwargs):
    model = cls(config.example_shape, config, **kwargs)
    assign(model.core, weights)
    return model

  def save_to_preset(self, path: str | os.PathLike) -> Path:
    """Writes the model as an export of vqvae_tf.

    `from_preset`, `vqvae_tf.load`, the commands and plain TensorFlow read it;
    `bin/train --init_from` goes on from it.

    Args:
      path: a folder that does not exist, or such a .zip file.

    Returns:
      `path`.

    Raises:
      UserError: if there is something already, or the model has layers of your
        own, which are Keras's to save: `save` or `export`.
      OSError: if it cannot be written.
    """
    if any(layer is not None for layer in self._own.values()):
      raise UserError(
        'a model with layers of your own is saved by save() or export(): a '
        'preset has layers of vqvae_tf alone'
      )
    metadata = rebuilt.metadata_of(self.config, self.core)
    text = card.of_weights(self.config, self.core, __version__)
    found = rebuilt.Rebuilt(self.core, None, self.config, metadata, text)
    return presets.save(lambda to: saved_model.write(found, to), path)


def _of_replica(examples):
  """Returns examples, of which there must be one: their mean is the loss."""
  has_some = tf.debugging.Assert(
    tf.shape(examples)[0] > 0,
    ['a replica has no example: drop the remainder of the batches'],
  )
  with tf.control_dependencies([has_some]):
    return tf.identity(examples)
