"""What ordinary files of a test split take, in bits/dim.

  python benchmarks/files.py cifar10 data/cifar10

PNG, lossless WebP and JPEG XL (the extra `codecs`) with a file for each image,
and bz2 over all of them. The rows of other data sets in the CSV stay.
"""

import argparse
from pathlib import Path

import rounds

from vqvae_tf import datasets
from vqvae_tf.evaluation import evaluate

CSV = Path(__file__).parents[1] / 'assets' / 'benchmarks' / 'files.csv'


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('data', help='name of a data set')
  parser.add_argument('data_dir')
  parser.add_argument('--csv', type=Path, default=CSV)
  arguments = parser.parse_args()
  data = datasets.open_source(arguments.data, 'test', arguments.data_dir)
  rows = [
    row
    for row in rounds.read_csv(arguments.csv)
    if row['data'] != arguments.data
  ]
  for name, bits_per_dim in evaluate.measure_files(data).items():
    rows.append(
      {
        'data': arguments.data,
        'format': name,
        'num_images': data.num_examples,
        'bits_per_dim': round(bits_per_dim, 5),
      }
    )
    print(f'{name:<10}{bits_per_dim:10.4f}')
  rounds.write_csv(arguments.csv, rows)


if __name__ == '__main__':
  main()
