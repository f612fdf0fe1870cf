"""Sampling an autoregressive decoder: cached activations against none.

  python benchmarks/generation.py

The network of the preset on 32x32 colour images, with random weights:

  cached         `Autoregressive.sample`: each layer works once per cell
  cached jit     the same with jit_compile=True
  re-run         a compiled loop that runs the whole network for each pixel
  re-run jit     the same with jit_compile=True

A call of a re-run takes some of the 1,024 pixels, and its time is multiplied:
every pixel costs it the same.
"""

import argparse
from pathlib import Path

import rounds
import tensorflow as tf

from vqvae_tf import build, configs
from vqvae_tf.configs import presets

CSV = Path(__file__).parents[1] / 'assets' / 'benchmarks' / 'generation.csv'
SIDE, RERUN_PIXELS = 32, 8
SEED = tf.constant([1, 2])
PEERS = {
  'cached': ('cached', False),
  'cached jit': ('cached', True),
  're-run': ('re-run', False),
  're-run jit': ('re-run', True),
}


def rerun(likelihood, params, seed, num_pixels):
  """Draws the first pixels, each from a full pass over the image so far."""
  batch = params.shape[0]
  size = likelihood.block_size
  cells = (SIDE // size) ** 2

  def draw(t, images):
    blocks = likelihood.blocks(images)
    outputs = likelihood.network(blocks, likelihood.cells(params))
    outputs = tf.reshape(outputs, [batch, cells * size**2, -1])
    outputs = outputs[:, t][:, tf.newaxis, tf.newaxis]
    own = tf.random.fold_in(seed, t, alg='philox')
    pixels = likelihood.pixel.sample(outputs, own)
    cell, slot = t // size**2, t % size**2
    row = cell // (SIDE // size) * size + slot // size
    column = cell % (SIDE // size) * size + slot % size
    here = tf.one_hot(row * SIDE + column, SIDE**2, True, False, dtype=tf.bool)
    here = tf.reshape(here, [1, SIDE, SIDE, 1])
    return t + 1, tf.where(here, pixels, images)

  images = tf.zeros([batch, SIDE, SIDE, 3], tf.uint8)
  start = tf.constant(0), images
  return tf.while_loop(lambda t, _: t < num_pixels, draw, start)[1]


def prepare(name: str, batch: int):
  """Returns a function that draws `batch` images, or pixels of them."""
  kind, jit = PEERS[name]
  config = presets.named('cifar10_autoregressive').config
  likelihood = build.model(
    configs.observed(config, (SIDE, SIDE, 3), ())
  ).likelihood
  shape = [batch, SIDE, SIDE, likelihood.num_params]
  params = tf.random.stateless_normal(shape, [3, 4])
  likelihood.log_prob(params[:1], tf.zeros([1, SIDE, SIDE, 3], tf.uint8))
  if kind == 'cached':
    draw = tf.function(likelihood.sample, jit_compile=jit)
    return lambda: draw(params, SEED).numpy()
  draw = tf.function(
    lambda params: rerun(likelihood, params, SEED, RERUN_PIXELS),
    jit_compile=jit,
  )
  return lambda: draw(params).numpy()


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--batches', type=int, nargs='*', default=[1, 64])
  parser.add_argument('--rounds', type=int, default=7)
  parser.add_argument('--csv', default=CSV)
  parser.add_argument('--serve', nargs=2, help=argparse.SUPPRESS)
  arguments = parser.parse_args()
  if arguments.serve:
    name, batch = arguments.serve
    rounds.serve(lambda: prepare(name, int(batch)))
    return
  rows = []
  print('| batch | sampler | seconds | of the time of cached |\n|-|-|-|-|')
  for batch in arguments.batches:
    peers = [rounds.Peer(n, ['--serve', n, str(batch)]) for n in PEERS]
    for row in rounds.compare(peers, arguments.rounds):
      scale = SIDE**2 / RERUN_PIXELS if row['peer'].startswith('re-') else 1
      # One that failed has none.
      if row['seconds'] is None:
        continue
      seconds = round(row['seconds'] * scale, 4)
      ratio = round(row['ratio'] * scale, 2)
      rows.append(
        {
          'batch': batch,
          'sampler': row['peer'],
          'seconds': seconds,
          'ratio': ratio,
        }
      )
      print(f'| {batch} | {row["peer"]} | {seconds:.3f} | {ratio:.1f} |')
  rounds.write_csv(arguments.csv, rows)


if __name__ == '__main__':
  main()
