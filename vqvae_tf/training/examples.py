"""train(config, workdir, ...): the VQ-VAE in the training loop."""

import numpy as np

from vqvae_tf import build, configs
from vqvae_tf.datasets import pipeline
from vqvae_tf.datasets.source import Source
from vqvae_tf.media import images
from vqvae_tf.metrics import measure
from vqvae_tf.models import parameters, serve, weights
from vqvae_tf.models.weights import Weights
from vqvae_tf.runs.workdir import State, Workdir
from vqvae_tf.training import loop
from vqvae_tf.training.devices import Devices
from vqvae_tf.training.reporter import Callback
from vqvae_tf.training.stage import Epoch, Stage, Validation

_NUM_PICTURES = 32


def train(
  config: configs.Config,
  workdir: Workdir,
  data: Source,
  validation: Source,
  devices: Devices | None = None,
  allow_other_data: bool = False,
  start: Weights | None = None,
  callback: Callback | None = None,
) -> State:
  """Trains a model, or goes on where a run in this workdir stopped.

  Args:
    config: the run; `run.steps` counts from the run's first step.
    workdir: where config.json, metrics.jsonl and checkpoints go.
    data: training examples.
    validation: examples that choose the best checkpoint.
    devices: as for `loop.train`.
    allow_other_data: goes on with other data than the run was started with.
    start: weights in place of random ones, where the run has no checkpoint.
    callback: as for `loop.train`.

  Returns:
    The state at the end, as `loop.train` returns it.

  Raises:
    UserError: as `loop.train` does.
  """
  config = configs.observed(config, data.example_shape, data.class_names)
  stage = _ImageStage(config, data, validation, allow_other_data, start)
  return loop.train(stage, workdir, devices, callback)


class _ImageStage(Stage):
  """A VQ-VAE, trained on images."""

  def __init__(
    self,
    config: configs.Config,
    data: Source,
    validation: Source,
    allow_other_data: bool,
    start: Weights | None = None,
  ):
    super().__init__(config, data.num_examples)
    self._start = start
    self._data = data
    self._validation = validation
    self.sources = data, validation
    self.allow_other_data = allow_other_data

  def build(self):
    config = self.config
    self._model = build.initialized_model(config)
    if self._start is not None:
      weights.assign(self._model, self._start)
    self._served = serve(self._model, config.example_shape)
    return self._model

  def parameters(self):
    return parameters.of_model(self._model)

  def batches(self, first_step, part):
    settings = self.config.optimizer
    batches = pipeline.shuffled(
      self._data,
      settings.batch_size,
      settings.seed,
      first_step,
      part,
      self.config.data.flip,
    )
    return batches.map(lambda images, _: images)

  def progress(self, averages):
    num_dims = np.prod(self.config.example_shape)
    nats = averages.pop('nats')
    averages['pixel_bits_per_dim'] = float(nats / np.log(2) / num_dims)
    bits_per_dim = averages['pixel_bits_per_dim'] + self._code_bits_per_dim()
    return averages, {'loss': averages['loss'], 'bits_per_dim': bits_per_dim}

  def _code_bits_per_dim(self):
    grid = np.prod(self._model.decoder.grid_size)
    code_bits = self._model.quantizer.bits_per_position * grid
    return code_bits / np.prod(self.config.example_shape)

  def epoch(self, trainer):
    counts = trainer.take_code_counts()
    used = measure.usage(counts)
    # 1 is the share of each code if all are used alike.
    uses = {f'uses/codebook_{m}': x / x.mean() for m, x in enumerate(counts)}
    return Epoch(used, uses, {'codes_in_use': used['codes_in_use']})

  def validation(self):
    served = self._served
    result = measure.measure(
      served.assess, self._in_order(), served.codebook_sizes
    )
    known = {k: v for k, v in result._asdict().items() if v is not None}
    decibels = '' if result.mse is None else f'{result.psnr_db:.2f} dB, '
    text = (
      f'{result.bits_per_dim:.4f} bits/dim, {decibels}'
      f'{100 * result.codes_in_use:.1f} % of the codes in use, perplexity '
      f'{result.perplexity:.1f}'
    )
    return Validation(result.bits_per_dim, known, text)

  def _in_order(self):
    batch_size = self.config.optimizer.batch_size
    return pipeline.in_order(self._validation, batch_size)

  def pictures(self):
    if not images.are_images(self.config.example_shape):
      return {}
    originals, _ = next(iter(self._in_order()))
    originals = originals[:_NUM_PICTURES].numpy()
    reconstructions = self._served.reconstruct(originals).numpy()
    codes = self._served.encode(originals).numpy()
    size = self._model.quantizer.codebook_sizes[0]
    return {
      'originals': originals,
      'reconstructions': reconstructions,
      'errors': images.error_maps(originals, reconstructions),
      'codes': images.code_maps(codes[..., :1], size),
    }

  def advice(self):
    advice = ''
    if self.config.optimizer.precision == 'mixed_float16':
      advice += '; or use --precision=mixed_bfloat16, of a larger range'
    if self.config.likelihood.likelihood == 'bernoulli':
      advice += '; bernoulli is for images of the values 0 and 255 alone'
    return advice
