"""From a configuration to the objects that it names."""

from collections.abc import Callable

import tensorflow as tf

from vqvae_tf.build.quantizers import codebook_sizes, quantizer
from vqvae_tf.configs import Config
from vqvae_tf.likelihoods import (
  Autoregressive,
  Bernoulli,
  Categorical,
  Likelihood,
  LogisticMixture,
  Normal,
)
from vqvae_tf.media import images
from vqvae_tf.models import VQVAE
from vqvae_tf.nets import (
  ConditionedWaveNet,
  Decoder,
  Encoder,
  PixelCNN,
  halved_sizes,
)
from vqvae_tf.optimizers.loss_scale import COMPUTE_DTYPES
from vqvae_tf.quantizers import Quantizer

# What the decoder tells the causal network about a pixel.
_CONTEXT_SIZE = 8
# And about a sample of sound.
_SOUND_CONTEXT_SIZE = 32


def model(
  config: Config,
  encoder: Callable[[tf.Tensor], tf.Tensor] | None = None,
  bottleneck: Quantizer | None = None,
  decoder: Callable[[int], Callable] | None = None,
) -> VQVAE:
  """Returns an untrained model.

  Args:
    config: with its `example_shape` known.
    encoder: in place of that of the configuration, as `VQVAE` takes it.
    bottleneck: likewise, the quantizer.
    decoder: likewise: takes the number of the likelihood's parameters to a
      decoder.

  Raises:
    ValueError: if the examples are too small for the number of halvings; if
      those of an autoregressive decoder are no images or have no whole number
      of blocks; or if the settings of the quantizer contradict each other.
  """
  *size, channels = config.example_shape
  network = config.network
  likelihood = _likelihood(config, channels)
  if config.likelihood.is_autoregressive:
    likelihood = _autoregressive(config, likelihood)
  common = (
    network.num_hiddens,
    network.num_residual_layers,
    network.num_residual_hiddens,
    network.num_halvings,
  )
  decoder = decoder or (lambda count: Decoder(count, tuple(size), *common))
  return VQVAE(
    encoder or Encoder(*common),
    bottleneck
    or quantizer(
      config.quantizer,
      config.optimizer.seed,
      config.optimizer.accumulation_steps,
    ),
    decoder(likelihood.num_params),
    likelihood,
    config.optimizer.quantizer_weight,
    COMPUTE_DTYPES[config.optimizer.precision],
  )


def initialized_model(config: Config, **parts) -> VQVAE:
  """Returns an untrained model, all of whose variables exist; see `model`."""
  result = model(config, **parts)
  result.assess(tf.zeros([1, *config.example_shape], tf.uint8))
  return result


def code_shape(config: Config) -> tuple[int, ...]:
  """Returns the shape of an example's codes, `[..., M]`, building no model.

  Raises:
    ValueError: as `model` does.
  """
  *size, _ = config.example_shape
  *_, grid = halved_sizes(tuple(size), config.network.num_halvings)
  return (*grid, len(codebook_sizes(config.quantizer)))


def _likelihood(config: Config, channels: int) -> Likelihood:
  settings = config.likelihood
  makers = {
    'logistic_mixture': lambda: LogisticMixture(
      channels, settings.num_mixtures
    ),
    'normal': lambda: Normal(channels, settings.scale or None),
    'categorical': lambda: Categorical(channels),
    'bernoulli': lambda: Bernoulli(channels),
  }
  return makers[settings.likelihood]()


def _autoregressive(config: Config, pixel: Likelihood) -> Likelihood:
  settings, size = config.likelihood, config.example_shape[:-1]
  if len(size) == 1:
    network = ConditionedWaveNet(
      1, pixel.num_params, settings.causal_hiddens, settings.causal_layers
    )
    # A sample is a cell.
    return Autoregressive(network, pixel, _SOUND_CONTEXT_SIZE, block_size=1)
  # Its blocks and its two stacks are of rows and columns.
  if not images.are_images(config.example_shape):
    raise ValueError(
      '--decoder=autoregressive is for images [H, W, C] and sounds [T, C], not '
      f'for examples {config.example_shape}: leave it out'
    )
  if any(side % settings.block_size for side in size):
    raise ValueError(
      f'images of {size[0]}x{size[1]} pixels have no whole number of blocks of '
      f'--block_size={settings.block_size}: choose a divisor, 1 always is'
    )
  network = PixelCNN(
    settings.block_size**2,
    pixel.num_params,
    settings.causal_hiddens,
    settings.causal_layers,
  )
  return Autoregressive(network, pixel, _CONTEXT_SIZE, settings.block_size)
