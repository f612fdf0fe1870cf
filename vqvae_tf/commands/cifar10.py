"""bin/cifar10: trains on CIFAR-10; 16x16 codes, K = 512, by default."""

from vqvae_tf.commands import train


def main() -> None:
  """Runs the executable."""
  train.main('bin/cifar10', 'cifar10')
