"""Sampling a prior: cached activations against a full pass per position.

  python benchmarks/sampling.py

A prior with random weights, as `bin/prior` makes it by default, over K = 512
codes, one per position:

  cached   `CodePrior.sample`, compiled: each layer works once per position
  rerun    a compiled loop that runs the whole network for each position

Both run in this process, in turn. A call of the latter draws some of the
positions, and its time is multiplied: each of them costs it the same.
"""

import argparse
import dataclasses
from pathlib import Path

import rounds
import tensorflow as tf

from vqvae_tf import build, configs, noise
from vqvae_tf.configs import PriorConfig

CSV = Path(__file__).parents[1] / 'assets' / 'benchmarks' / 'sampling.csv'
NUM_CODES, FEATURES, RERUN_POSITIONS = 512, 32, 4
ROUND_SECONDS = 2.0
SEED = tf.constant([1, 2])


def cached(config: PriorConfig, batch: int):
  """Returns a function that draws the codes of `batch` images."""
  prior = build.prior(config)
  return lambda: prior.sample(batch, SEED).numpy()


def rerun(config: PriorConfig, batch: int):
  """Returns a function that draws the first codes of `batch` images."""
  network = build.prior(config).network
  shape = [batch, *config.grid, 1]
  table = tf.random.stateless_normal([NUM_CODES, FEATURES], [3, 4])
  context = tf.random.stateless_normal([*shape[:3], FEATURES], [5, 6])
  size = config.num_codes

  def draw(t, codes):
    outputs = network(tf.gather(table, codes), context)
    logits = tf.reshape(outputs, [batch, size, NUM_CODES])[:, t]
    own = tf.random.fold_in(SEED, t, alg=noise.ALGORITHM)
    drawn = tf.argmax(
      logits + noise.gumbel(tf.shape(logits), own), -1, tf.int32
    )
    here = tf.reshape(tf.range(size) == t, [1, *shape[1:]])
    drawn = tf.reshape(drawn, [batch, 1, 1, 1])
    return t + 1, tf.where(here, drawn, codes)

  @tf.function(jit_compile=True, autograph=False)
  def draw_all():
    start = tf.constant(0), tf.zeros(shape, tf.int32)
    return tf.while_loop(lambda t, _: t < RERUN_POSITIONS, draw, start)[1]

  return lambda: draw_all().numpy()


def compare(settings, side, batch, num_rounds):
  """Yields a row of the table for each sampler."""
  config = dataclasses.replace(
    configs.replace(PriorConfig(), **settings),
    grid=(side, side),
    codebook_sizes=(NUM_CODES,),
  )
  peers = [
    rounds.Local(prepare.__name__, prepare(config, batch))
    for prepare in (cached, rerun)
  ]
  for peer in peers:
    peer.set_round(ROUND_SECONDS)
  for row in rounds.compare(peers, num_rounds):
    scale = config.num_codes / RERUN_POSITIONS if row['peer'] == 'rerun' else 1
    yield {
      'network': config.network.network,
      'side': side,
      'batch': batch,
      'sampler': row['peer'],
      'seconds': round(row['seconds'] * scale, 4),
      'ratio': round(row['ratio'] * scale, 2),
    }


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--networks', nargs='*', default=['gated_pixelcnn'])
  parser.add_argument('--sides', type=int, nargs='*', default=[8, 32])
  parser.add_argument('--batches', type=int, nargs='*', default=[1, 64])
  network = PriorConfig().network
  for name in ('num_hiddens', 'num_layers'):
    parser.add_argument(f'--{name}', type=int, default=getattr(network, name))
  parser.add_argument('--rounds', type=int, default=7)
  parser.add_argument('--csv', default=CSV)
  arguments = parser.parse_args()
  rows = []
  print(
    '| network | side | batch | sampler | seconds | of the time of cached |'
  )
  print('|-|-|-|-|-|-|')
  for network in arguments.networks:
    settings = {
      'network': network,
      'num_hiddens': arguments.num_hiddens,
      'num_layers': arguments.num_layers,
    }
    for side in arguments.sides:
      for batch in arguments.batches:
        for row in compare(settings, side, batch, arguments.rounds):
          rows.append(row)
          print(f'| {" | ".join(map(str, row.values()))} |', flush=True)
  rounds.write_csv(arguments.csv, rows)


if __name__ == '__main__':
  main()
