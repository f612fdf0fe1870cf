"""How many codes are alive, with Sonnet's way and with this project's policy.

  python benchmarks/codebook_usage.py --data_dir=data/cifar10

prints a table of two cases. Far vectors: 1 + 0.3 N(0, 1) in 64 dimensions, and
512 codes that start around the origin. CIFAR-10: the network of bin/cifar10
with K = 512 and 8,192, over the test split. A training run that was cut off
goes on, one that is finished is not repeated; without `--data_dir` only the
first case is measured anew, which takes a few seconds. KerasHub's layer is in
the first case where the extra `benchmarks` is installed.
"""

import argparse
import csv
from pathlib import Path

import keras
import numpy as np
import rounds
import sonnet as snt
import tensorflow as tf
import trained

from vqvae_tf import configs
from vqvae_tf.configs import presets
from vqvae_tf.metrics.usage import usage
from vqvae_tf.quantizers import CodebookPolicy, VectorQuantizerEMA
from vqvae_tf.runs.workdir import Workdir

ASSETS = Path(__file__).parents[1] / 'assets' / 'benchmarks'
D, K, STEPS = 64, 512, 200
# As many vectors as 32 images have at 8x8 codes.
BATCH = 2048
WAYS = {
  'as Sonnet': CodebookPolicy(),
  'kmeans++, restart': CodebookPolicy('kmeans++', 'restart'),
}


def collapse_case() -> list[dict]:
  """Trains each quantizer on the far vectors, counts its codes on others."""
  tf.random.set_seed(0)
  quantizers = {
    'snt.nets.VectorQuantizerEMA': snt.nets.VectorQuantizerEMA(D, K, 0.25, 0.99)
  }
  for name, policy in WAYS.items():
    quantizers[f'VectorQuantizerEMA, {name}'] = VectorQuantizerEMA(
      D, K, 0.25, 0.99, policy=policy
    )
  rows = {
    name: _used(
      lambda x, quantizer=quantizer: quantizer(x, True)['loss'],
      lambda x, quantizer=quantizer: quantizer(x, False)['encoding_indices'],
    )
    for name, quantizer in quantizers.items()
  }
  return [
    {'case': 'far vectors', 'num_embeddings': K, 'quantizer': name} | row
    for name, row in (rows | _keras_hub()).items()
  ]


def _keras_hub():
  # Keras draws by a seed of its own.
  keras.utils.set_random_seed(0)
  try:
    from keras_hub.src.models.rqvae.rqvae_layers import (
      VectorQuantizerEMA as Hub,
    )
  except ModuleNotFoundError:
    return {}
  layer = Hub(K, D, decay=0.99)
  layer.build([None, D])
  return {
    "KerasHub's VectorQuantizerEMA": _used(
      lambda x: layer(x, training=True)[3],
      lambda x: tf.argmax(layer(x, training=False)[1], -1),
    )
  }


def _used(train, encode):
  train = tf.function(train)
  for step in range(STEPS):
    train(_far_vectors(step, BATCH))
  codes = encode(_far_vectors(STEPS, 64 * K))
  counts = np.bincount(codes.numpy(), minlength=K)
  return _usage(usage([counts]))


def _far_vectors(step, count):
  return 1 + 0.3 * tf.random.stateless_normal([count, D], [0, step])


def cifar10(data_dir: str, folder: Path, steps: int) -> list[dict]:
  """Trains the CIFAR-10 network with small and large codebooks, both ways."""
  rows = []
  for size in (512, 8192):
    for name, policy in WAYS.items():
      config = configs.replace(
        presets.named('cifar10').config,
        num_embeddings=size,
        steps=steps,
        decay_steps=steps,
        initialization=policy.initialization,
        unused_codes=policy.unused_codes,
      )
      path = folder / f'{size}-{policy.unused_codes}'
      result = trained.test_metrics(config, Workdir(path), data_dir)
      row = {'case': 'CIFAR-10', 'num_embeddings': size, 'quantizer': name}
      rows.append(row | _usage(result))
  return rows


def _usage(result):
  return {
    'codes_in_use': round(result['codes_in_use'], 4),
    'perplexity': round(result['perplexity'], 1),
    'psnr_db': round(result['psnr_db'], 2) if 'psnr_db' in result else '',
  }


def _measured_before(path):
  numbers = {'num_embeddings': int, 'codes_in_use': float, 'perplexity': float}
  with open(path, newline='') as file:
    rows = [row for row in csv.DictReader(file) if row['case'] == 'CIFAR-10']
  for row in rows:
    row.update({name: kind(row[name]) for name, kind in numbers.items()})
    row['psnr_db'] = float(row['psnr_db']) if row['psnr_db'] else ''
  return rows


def table(rows: list[dict]) -> str:
  """Returns the rows as Markdown."""
  lines = ['| case | K | quantizer | codes in use | perplexity | PSNR |']
  lines.append('|-|-|-|-|-|-|')
  for row in rows:
    psnr = f'{row["psnr_db"]:.2f} dB' if row['psnr_db'] else ''
    lines.append(
      f'| {row["case"]} | {row["num_embeddings"]:,} | {row["quantizer"]} | '
      f'{100 * row["codes_in_use"]:.1f} % | {row["perplexity"]:,.1f} | {psnr} |'
    )
  return '\n'.join(lines)


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--data_dir', help='the CIFAR-10 binary files')
  parser.add_argument('--runs', type=Path, default=Path('runs/codebook_usage'))
  parser.add_argument('--steps', type=int, default=5_000)
  arguments = parser.parse_args()
  rows, path = collapse_case(), ASSETS / 'codebook_usage.csv'
  rows += (
    cifar10(arguments.data_dir, arguments.runs, arguments.steps)
    if arguments.data_dir
    else _measured_before(path)
  )
  rounds.write_csv(path, rows)
  print(table(rows))


if __name__ == '__main__':
  main()
