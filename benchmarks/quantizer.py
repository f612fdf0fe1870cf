"""Time and memory of vector quantizers, against their peers, on the CPU.

  python benchmarks/quantizer.py

N vectors of D = 64 and K codes, in float32; decay 0.99, commitment cost 0.25:

  vqvae_tf          `VectorQuantizerEMA` in a tf.function
  vqvae_tf jit      the same with jit_compile=True
  sonnet            `snt.nets.VectorQuantizerEMA` in a tf.function
  sonnet jit        the same with jit_compile=True
  keras hub         `VectorQuantizerEMA` of KerasHub's RQ-VAE, in a tf.function
  torch eager       `VectorQuantize` of vector-quantize-pytorch
  torch compiled    the same with torch.compile
  matrix product    [N, D] x [D, K] alone, at its best block of rows: the limit

and two kinds of work:

  train   forward, the gradient with respect to the inputs of the loss plus the
          output times a fixed cotangent, and the update of the averages
  encode  the codes alone

Of what a peer returns only that is read, so a tf.function leaves the rest out.
Gradients are straight-through everywhere. Codebooks start as each library
draws them.

The time is that of a call, the median over rounds in turn; the ratio is the
median over rounds of (the peer's time / vqvae_tf's). The peak is the resident
memory of a call beyond its inputs, outputs and gradients (`memory.py` says
how), in a second process, where memory that is freed goes back to the system:
that is slower, so nothing is timed there. A peer "does not fit" where it would
need more than nine tenths of the free memory.
PyTorch and KerasHub are in the `benchmarks` extra; without it their rows say
so.
"""

import argparse
import functools
import os
import time

import memory
import numpy as np
import rounds

_D = 64
_DECAY, _COMMITMENT_COST = 0.99, 0.25
# A round of a fast peer repeats its call for about this long.
_ROUND_SECONDS = 0.3
_FEWEST_ROUNDS = 3
# Scores of one product of at most 2 GB: larger ones only measure page faults.
_MAX_PRODUCT = 2**29


def _vectors(count):
  """Returns normal inputs and cotangents, two arrays [count, D]."""
  generator = np.random.default_rng(0)
  return generator.standard_normal([2, count, _D], np.float32)


def _in_tensorflow(module, encode, inputs_and_cotangent, work, jit):
  import tensorflow as tf

  inputs, cotangent = map(tf.constant, inputs_and_cotangent)

  def train(inputs):
    with tf.GradientTape() as tape:
      tape.watch(inputs)
      result = module(inputs, is_training=True)
      target = result['loss'] + tf.reduce_sum(result['quantize'] * cotangent)
    return result['quantize'], result['loss'], tape.gradient(target, inputs)

  chosen = train if work == 'train' else encode
  return functools.partial(tf.function(chosen, jit_compile=jit), inputs)


def _ours(n, k, work, jit):
  import vqvae_tf

  module = vqvae_tf.VectorQuantizerEMA(_D, k, _COMMITMENT_COST, _DECAY)
  return _in_tensorflow(module, module.encode, _vectors(n), work, jit)


def _sonnet(n, k, work, jit):
  import sonnet as snt

  module = snt.nets.VectorQuantizerEMA(_D, k, _COMMITMENT_COST, _DECAY)

  def encode(inputs):
    return module(inputs, is_training=False)['encoding_indices']

  return _in_tensorflow(module, encode, _vectors(n), work, jit)


def _keras_hub(n, k, work):
  import tensorflow as tf
  from keras_hub.src.models.rqvae.rqvae_layers import VectorQuantizerEMA

  module = VectorQuantizerEMA(k, _D, decay=_DECAY)
  module.build([None, _D])
  weight = tf.constant(_COMMITMENT_COST)

  def quantize(inputs, is_training):
    quantized, _, _, loss = module(inputs, training=is_training)
    return {'quantize': quantized, 'loss': weight * loss[0]}

  def encode(inputs):
    return tf.argmax(module(inputs, training=False)[1], -1)

  return _in_tensorflow(quantize, encode, _vectors(n), work, False)


def _torch(n, k, work, compiled):
  import torch
  from vector_quantize_pytorch import VectorQuantize

  module = VectorQuantize(
    _D,
    codebook_size=k,
    decay=_DECAY,
    commitment_weight=_COMMITMENT_COST,
    kmeans_init=False,
    use_cosine_sim=False,
    threshold_ema_dead_code=0,
    # The default turns gradients, which the peers do not.
    rotation_trick=False,
  ).train(work == 'train')
  inputs, cotangent = torch.from_numpy(_vectors(n))[:, None]
  forward = torch.compile(module) if compiled else module

  def train():
    differentiable = inputs.detach().requires_grad_()
    quantized, _, loss = forward(differentiable)
    target = loss.sum() + (quantized * cotangent).sum()
    gradient = torch.autograd.grad(target, differentiable)
    return quantized.detach(), loss.detach(), gradient

  @torch.no_grad()
  def encode():
    return forward(inputs)[1]

  return train if work == 'train' else encode


def _product(n, k, work):
  """The product that each kind of `work` contains, at its fastest."""
  del work
  sizes = [2**power for power in range(6, 14) if 2**power < n]
  calls = [
    _product_in_blocks(n, k, rows)
    for rows in [*sizes, n]
    if rows * k <= _MAX_PRODUCT
  ]
  return min(calls, key=_fastest)


def _product_in_blocks(n, k, rows):
  import tensorflow as tf

  inputs = tf.constant(_vectors(n)[0])
  codebook = tf.constant(_vectors(k)[0].T.copy())

  @tf.function
  def products(inputs):
    def step(start, total):
      # The last block is moved back to end with the input: equal shapes.
      block = tf.slice(inputs, [tf.minimum(start, n - rows), 0], [rows, _D])
      # An element of each product, so that none is left out.
      return start + rows, total + tf.matmul(block, codebook)[0, 0]

    _, total = tf.while_loop(
      lambda start, _: start < n, step, (0, 0.0), parallel_iterations=2
    )
    return total

  call = functools.partial(products, inputs)
  call.note = f'{rows} rows at once'
  return call


def _fastest(call):
  """Returns the shortest time of some calls, the first of which compiles."""
  seconds = []
  while len(seconds) < 4 or sum(seconds) < _ROUND_SECONDS:
    begin = time.perf_counter()
    call()
    seconds.append(time.perf_counter() - begin)
  return min(seconds)


_PEERS = {
  'vqvae_tf': functools.partial(_ours, jit=False),
  'vqvae_tf jit': functools.partial(_ours, jit=True),
  'sonnet': functools.partial(_sonnet, jit=False),
  'sonnet jit': functools.partial(_sonnet, jit=True),
  'keras hub': _keras_hub,
  'torch eager': functools.partial(_torch, compiled=False),
  'torch compiled': functools.partial(_torch, compiled=True),
  'matrix product': _product,
}


def _parse():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  add = parser.add_argument
  add('--n', type=int, nargs='+', default=[8192, 65536], help='vectors')
  add(
    '--k', type=int, nargs='+', default=[512, 1024, 8192, 65536], help='codes'
  )
  works = ['train', 'encode']
  add('--work', nargs='+', choices=works, default=works)
  add('--rounds', type=int, default=9, help='rounds of each shape, at most')
  add(
    '--shape_seconds',
    type=float,
    default=180,
    help='slow shapes get fewer rounds, to take about this long '
    f'(but {_FEWEST_ROUNDS} rounds, if --rounds allows)',
  )
  add(
    '--limit_seconds',
    type=float,
    default=60,
    help='a peer whose call takes longer is left out',
  )
  add(
    '--csv',
    default='assets/benchmarks/quantizer.csv',
    help='table to write; name another one for a part of the shapes',
  )
  add('--peer', help=argparse.SUPPRESS)
  return parser.parse_args()


def _compare(n, k, work, args):
  """Returns a row per peer for one shape and one kind of work."""
  peers, peaks, one_round = [], [], 0
  for name in _PEERS:
    arguments = ['--peer', name, '--n', str(n), '--k', str(k), '--work', work]
    peer = rounds.Peer(name, arguments, args.limit_seconds)
    one_round += peer.set_round(_ROUND_SECONDS)
    peers.append(peer)
    peaks.append(_peak_mb(arguments) if peer.works else None)
  count = max(_FEWEST_ROUNDS, int(args.shape_seconds / max(one_round, 1e-3)))
  table = rounds.compare(peers, min(args.rounds, count))
  return [
    {
      'n': n,
      'k': k,
      'work': work,
      'peer': row['peer'],
      'milliseconds': _rounded(row['seconds'], 1e3),
      'ratio': _rounded(row['ratio']),
      'peak_mb': _rounded(peak),
      'note': row['note'],
    }
    for row, peak in zip(table, peaks, strict=True)
  ]


def _peak_mb(arguments):
  peer = rounds.Peer('', arguments, environment=memory.FREEING)
  peak = peer.peak_mb()
  peer.close()
  return peak


def _rounded(value, factor=1):
  return None if value is None else round(value * factor, 3)


def main():
  """Times all peers at all shapes and prints a table."""
  args = _parse()
  # What is measured is the CPU's time and memory, in all peers.
  os.environ['CUDA_VISIBLE_DEVICES'] = '-1'
  if args.peer:
    rounds.serve(
      functools.partial(_PEERS[args.peer], args.n[0], args.k[0], args.work[0])
    )
    return
  table = []
  print('| N | K | work | peer | ms | time / ours | peak MB | note |')
  print('|-|-|-|-|-|-|-|-|')
  for work in args.work:
    for n in args.n:
      for k in args.k:
        rows = _compare(n, k, work, args)
        for row in rows:
          shown = ('' if value is None else value for value in row.values())
          print('|', ' | '.join(map(str, shown)), '|', flush=True)
        table += rows
        # After every shape: a run takes an hour.
        rounds.write_csv(args.csv, table)


if __name__ == '__main__':
  main()
