"""What an old "bits/dim" formula prints for our models, beside bits/dim.

  python benchmarks/brightness_formula.py --model=assets/models/cifar10 \
      --data_dir=data/cifar10

A much-used TensorFlow VQ-VAE prints log2 K + mean(-log2 y), with y in (0, 1]
the brightness that the decoder predicts, and calls it bits/dim. Nothing in it
looks at the image: it says how bright the reconstructions are. A model that
paints everything white scores log2 K, better than any real one.
"""

import argparse

import numpy as np

from vqvae_tf import datasets
from vqvae_tf.evaluation import evaluate
from vqvae_tf.serving import load


def brightness_formula(
  reconstructions: np.ndarray, num_embeddings: int
) -> float:
  """Returns log2 K + mean(-log2 y), y = max(pixel, 1) / 255."""
  brightness = np.maximum(reconstructions, 1) / 255
  return float(np.log2(num_embeddings) - np.log2(brightness).mean())


def main():
  """Prints both figures for the test split."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--model', required=True)
  parser.add_argument('--data_dir')
  args = parser.parse_args()
  subject = load.from_export(args.model)
  settings = subject.config.data
  data = datasets.open_source(settings.dataset, 'test', args.data_dir)
  decoded = [
    subject.reconstruct(batch) for batch, _ in datasets.in_order(data, 100)
  ]
  decoded = np.concatenate(decoded)
  size = subject.codebook_sizes[0]
  result = evaluate.evaluate(subject, data)
  white = np.full_like(decoded[:1], 255)
  print(f'bits/dim                            {result.bits_per_dim:.3f}')
  print(
    'brightness formula, our model       '
    f'{brightness_formula(decoded, size):.3f}'
  )
  print(
    f'brightness formula, all white       {brightness_formula(white, size):.3f}'
  )


if __name__ == '__main__':
  main()
