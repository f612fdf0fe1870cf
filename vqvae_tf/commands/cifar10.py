"""bin/cifar10: bin/train, from the preset `cifar10` on."""

from vqvae_tf.commands import train


def main() -> None:
  """Runs the executable."""
  train.main('bin/cifar10', 'cifar10')
