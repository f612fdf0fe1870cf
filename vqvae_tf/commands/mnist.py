"""bin/mnist: bin/train, from the preset `mnist` on."""

from vqvae_tf.commands import train


def main() -> None:
  """Runs the executable."""
  train.main('bin/mnist', 'mnist')
