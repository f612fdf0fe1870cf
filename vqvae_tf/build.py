"""From a configuration to the objects that it names."""

from collections.abc import Callable

import tensorflow as tf

from vqvae_tf import bits, bottleneck
from vqvae_tf.configs import Config, PriorConfig
from vqvae_tf.likelihoods import (
  Autoregressive,
  Bernoulli,
  Categorical,
  Likelihood,
  LogisticMixture,
  Normal,
)
from vqvae_tf.media import images
from vqvae_tf.models import VQVAE, Assessment, CodePrior
from vqvae_tf.nets import (
  CausalTransformer,
  Decoder,
  Encoder,
  GatedPixelCNN,
  PixelCNN,
  WaveNet,
)
from vqvae_tf.optimizers.loss_scale import COMPUTE_DTYPES

# What the decoder tells the causal network about a pixel.
_CONTEXT_SIZE = 8
# Of the samples that stand for reconstructions.
SEED = (0, 0)


def model(config: Config) -> VQVAE:
  """Returns an untrained model.

  Args:
    config: with its `example_shape` known.

  Raises:
    ValueError: if the examples are too small for the number of halvings; if
      those of an autoregressive decoder are no images or have no whole number
      of blocks; or if the settings of the quantizer contradict each other.
  """
  *size, channels = config.example_shape
  network = config.network
  likelihood = _likelihood(config, channels)
  if config.likelihood.decoder == 'autoregressive':
    likelihood = _autoregressive(config, likelihood)
  common = (
    network.num_hiddens,
    network.num_residual_layers,
    network.num_residual_hiddens,
    network.num_halvings,
  )
  return VQVAE(
    Encoder(*common),
    bottleneck.quantizer(config.quantizer, config.optimizer.seed),
    Decoder(likelihood.num_params, tuple(size), *common),
    likelihood,
    config.optimizer.quantizer_weight,
    COMPUTE_DTYPES[config.optimizer.precision],
  )


def initialized_model(config: Config) -> VQVAE:
  """Returns an untrained model, all of whose variables exist; see `model`."""
  result = model(config)
  result.assess(tf.zeros([1, *config.example_shape], tf.uint8))
  return result


def assessment(
  model: VQVAE, example_shape: tuple[int, ...]
) -> Callable[[tf.Tensor], Assessment]:
  """Returns `model.assess` as one graph for batches of any size.

  It is not compiled by XLA, which makes it slower on a CPU (its convolutions),
  takes seconds for each new batch size and drops the check of the codes.
  """
  examples = tf.TensorSpec([None, *example_shape], tf.uint8)
  return tf.function(model.assess, input_signature=[examples], autograph=False)


def reconstruction(
  model: VQVAE, example_shape: tuple[int, ...]
) -> Callable[[tf.Tensor], tf.Tensor]:
  """Returns `model.reconstruct`, seeded, as one graph for any batch size."""
  examples = tf.TensorSpec([None, *example_shape], tf.uint8)
  return tf.function(
    lambda batch: model.reconstruct(batch, tf.constant(SEED)),
    input_signature=[examples],
    autograph=False,
  )


def pixel_bits(
  model: VQVAE, example_shape: tuple[int, ...]
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
  """Returns `model.pixel_bits` as one graph for batches of any size."""
  examples = tf.TensorSpec([None, *example_shape], tf.uint8)
  return tf.function(
    model.pixel_bits,
    input_signature=[_codes_of(model), examples],
    autograph=False,
  )


def pixel_bits_map(
  model: VQVAE, example_shape: tuple[int, ...]
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
  """Returns `model.pixel_bits_map` as one graph for any batch size."""
  examples = tf.TensorSpec([None, *example_shape], tf.uint8)
  return tf.function(
    model.pixel_bits_map,
    input_signature=[_codes_of(model), examples],
    autograph=False,
  )


def encoding(
  model: VQVAE, example_shape: tuple[int, ...]
) -> Callable[[tf.Tensor], tf.Tensor]:
  """Returns `model.encode` as one graph for batches of any size."""
  examples = tf.TensorSpec([None, *example_shape], tf.uint8)
  return tf.function(model.encode, input_signature=[examples], autograph=False)


def decoding(model: VQVAE) -> Callable[[tf.Tensor], tf.Tensor]:
  """Returns `model.decode`, seeded, as one graph for any batch size."""
  return tf.function(
    lambda codes: model.decode(codes, tf.constant(SEED)),
    input_signature=[_codes_of(model)],
    autograph=False,
  )


def embedding(model: VQVAE) -> Callable[[tf.Tensor], tf.Tensor]:
  """Returns `model.embed` as one graph for batches of any size."""
  return tf.function(
    model.embed, input_signature=[_codes_of(model)], autograph=False
  )


def _codes_of(model):
  return tf.TensorSpec([None, *model.code_shape], tf.int32)


def prior(config: PriorConfig) -> CodePrior:
  """Returns an untrained prior, all of whose variables exist.

  Args:
    config: with all that is observed known.

  Raises:
    ValueError: if the settings of the network contradict each other.
  """
  settings, sizes = config.network, config.codebook_sizes
  kinds = {
    'gated_pixelcnn': GatedPixelCNN,
    'transformer': CausalTransformer,
    'wavenet': WaveNet,
  }
  network = kinds[settings.network](
    len(sizes),
    max(sizes),
    settings.num_hiddens,
    settings.num_layers,
    dropout=settings.dropout,
    seed=config.optimizer.seed,
  )
  return CodePrior(network, sizes, config.grid, config.num_classes)


def code_nats(
  prior: CodePrior, config: PriorConfig
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
  """Returns -log p(codes | label) as one graph for batches of any size.

  It takes int32 `[B, ..., M]` and labels int32 `[B]`, which an unconditional
  prior ignores, to float32 `[B]`, nats per example.
  """

  def nats(codes, labels):
    of_each = prior.nats(codes, labels)
    return tf.reduce_sum(of_each, list(range(1, of_each.shape.rank)))

  signature = [_codes(config), tf.TensorSpec([None], tf.int32)]
  return tf.function(nats, input_signature=signature, autograph=False)


def code_bits(
  prior: CodePrior, config: PriorConfig
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
  """Returns -log2 p(code | earlier codes, label) as one graph.

  It takes int32 `[B, ..., M]` and labels int32 `[B]`, which an unconditional
  prior ignores, to float32 `[B, ..., M]`; B is any number.
  """

  def code_bits(codes, labels):
    return bits.nats_to_bits(prior.nats(codes, labels))

  signature = [_codes(config), tf.TensorSpec([None], tf.int32)]
  return tf.function(code_bits, input_signature=signature, autograph=False)


def code_samples(
  prior: CodePrior,
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
  """Returns `prior.sample` as one graph for batches of any size.

  It takes labels int32 `[B]` and a seed int32 `[2]`. XLA, which takes long for
  a loop that runs a few times only, does not compile it.
  """
  specs = [tf.TensorSpec(shape, tf.int32) for shape in ([None], [2])]
  return tf.function(
    lambda labels, seed: prior.sample(labels, seed, jit_compile=False),
    input_signature=specs,
    autograph=False,
  )


def _codes(config):
  return tf.TensorSpec([None, *config.code_shape], tf.int32)


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
  # Its blocks and its two stacks are of rows and columns.
  if not images.are_images(config.example_shape):
    raise ValueError(
      '--decoder=autoregressive is for images [H, W, C], not for examples '
      f'{config.example_shape}: leave it out'
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
