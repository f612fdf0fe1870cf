"""bin/mnist: trains on MNIST; 7x7 codes, K = 512, by default."""

from vqvae_tf.commands import train


def main() -> None:
  """Runs the executable."""
  train.main('bin/mnist', 'mnist')
