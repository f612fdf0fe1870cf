"""From the configuration of a prior to the prior."""

from vqvae_tf.configs import PriorConfig
from vqvae_tf.models import CodePrior
from vqvae_tf.nets import CausalTransformer, GatedPixelCNN, WaveNet


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
