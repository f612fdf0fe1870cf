"""Priors compared: each network on the codes of a trained model.

  python benchmarks/priors.py --model=assets/models/mnist --data_dir=data/mnist

trains the networks of `bin/prior` with its settings, class-conditional, for an
equal number of steps, and measures each on the test split: bits per code, and
with the pixel bits of the model its bits/dim. The label is summed over. A run
that was cut off goes on.
"""

import argparse
from pathlib import Path

import numpy as np
import rounds

from vqvae_tf import configs, datasets
from vqvae_tf.configs import PriorConfig
from vqvae_tf.datasets.names import SPLITS
from vqvae_tf.models import serve_prior
from vqvae_tf.priors import measuring, training
from vqvae_tf.priors.codes import Codes, CodeSource
from vqvae_tf.priors.measuring import baselines
from vqvae_tf.runs.run import PriorRun
from vqvae_tf.runs.workdir import PriorWorkdir, Workdir
from vqvae_tf.serving import load
from vqvae_tf.serving.load import read_metadata
from vqvae_tf.serving.subject import Subject

CSV = Path(__file__).parents[1] / 'assets' / 'benchmarks' / 'priors.csv'
NETWORKS = ('gated_pixelcnn', 'transformer', 'wavenet')
_BATCH_SIZE = 100


def encoded(subject: Subject, data_dir: str) -> Codes:
  """Returns the codes of all splits of a model's data."""
  config = subject.config
  splits = {}
  for split in SPLITS:
    source = datasets.open_source(config.data.dataset, split, data_dir)
    codes, labels = [], []
    for images, classes in datasets.in_order(source, _BATCH_SIZE):
      codes.append(subject.encode(images).numpy())
      labels.append(classes.numpy())
    arrays = np.concatenate(codes), np.concatenate(labels)
    splits[split] = CodeSource(split, *arrays, config.class_names)
  dims = int(np.prod(config.example_shape))
  return Codes(splits, subject.codebook_sizes, dims, subject.origin)


def measured(network: str, codes: Codes, pixel_bits: float, arguments) -> dict:
  """Trains a prior and returns its row."""
  folder = arguments.runs / Path(arguments.model).name / network
  workdir = PriorWorkdir(Workdir(folder))
  config = configs.replace(
    PriorConfig(),
    network=network,
    steps=arguments.steps,
    decay_steps=arguments.steps,
    evaluate_every=min(500, arguments.steps),
  )
  state = training.train(config, workdir, codes)
  if not training.is_finished(config, state):
    raise SystemExit(130)
  run = PriorRun(workdir)
  prior, config = run.model, run.config
  found = measuring.measure(serve_prior(prior), config, codes.splits['test'])
  per_code = config.num_codes / codes.num_dims
  return {
    'model': Path(arguments.model).name,
    'network': network,
    'weights': sum(v.shape.num_elements() for v in prior.trainable_variables),
    'steps': state.step,
    'minutes': round(state.seconds / 60, 1),
    'bits_per_code': round(found.marginal, 4),
    'bits_per_code_given_class': round(found.given_class, 4),
    'bits_per_dim': round(pixel_bits + found.marginal * per_code, 4),
  }


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--model', required=True, help='an export')
  parser.add_argument('--data_dir')
  parser.add_argument('--networks', nargs='*', default=list(NETWORKS))
  parser.add_argument('--steps', type=int, default=3000)
  parser.add_argument('--runs', type=Path, default=Path('runs/priors'))
  parser.add_argument('--csv', type=Path, default=CSV)
  arguments = parser.parse_args()
  subject = load.from_export(arguments.model)
  metadata = read_metadata(arguments.model)
  pixel_bits = metadata['metrics']['test']['pixel_bits_per_dim']
  codes = encoded(subject, arguments.data_dir)
  base = baselines(codes, 'test')
  print(
    f'test split: uniform {base.uniform:.4f}, unigram '
    f'{base.unigram:.4f} bits per code'
  )
  rows = [measured(x, codes, pixel_bits, arguments) for x in arguments.networks]
  name = rows[0]['model']
  known = rounds.read_csv(arguments.csv)
  others = [row for row in known if row['model'] != name]
  rounds.write_csv(arguments.csv, others + rows)
  print(f'| {" | ".join(rows[0])} |\n|{"-|" * len(rows[0])}')
  for row in rows:
    print(f'| {" | ".join(map(str, row.values()))} |')


if __name__ == '__main__':
  main()
