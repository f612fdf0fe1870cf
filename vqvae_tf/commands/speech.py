"""bin/speech: bin/train, from the preset `spoken_digits` on."""

from vqvae_tf.commands import train


def main() -> None:
  """Runs the executable."""
  train.main('bin/speech', 'spoken_digits')
