"""Training steps per second of Sonnet's example network, against its peers.

  python benchmarks/train_step.py

The same network (128 hidden channels, two residual blocks of 32, 8x8 codes,
K = 512, D = 64, EMA), squared error and Adam everywhere, 32x32 RGB images:

  vqvae_tf            this library, as the commands train: the faster of the
                      two ways below, which the note names
  vqvae_tf graph, xla  either way
  squared error       ours without what makes a likelihood of the squared error
  sonnet              Sonnet's modules as published, in a tf.function
  sonnet jit          the same with jit_compile=True
  sonnet onednn       as `sonnet`, and TensorFlow told to use oneDNN, which it
  sonnet jit onednn   does by itself on processors with AVX-512 alone
  torch eager         PyTorch with vector-quantize-pytorch
  torch compiled      the same with torch.compile
  input pipeline      making our batches alone

`--isa=avx2` has all of them leave AVX-512 alone, as on a processor without it:
oneDNN, XLA and PyTorch by their own settings, and oneDNN is off where nobody
tells TensorFlow to use it. PyTorch is in the `benchmarks` extra; without it its
rows say so.
"""

import argparse
import functools
import os

import numpy as np
import rounds

from vqvae_tf.training import processor

_STEPS = 10
_HIDDENS, _RESIDUAL_HIDDENS, _D, _K = 128, 32, 64, 512


def _images(batch_size):
  generator = np.random.default_rng(0)
  return generator.integers(0, 256, [batch_size, 32, 32, 3], dtype=np.uint8)


def _ours(batch_size, way, is_likelihood=True):
  processor.use_onednn()
  import tensorflow as tf

  from vqvae_tf import build, configs
  from vqvae_tf.configs import presets
  from vqvae_tf.training import compiling
  from vqvae_tf.training.step import Trainer

  config = configs.observed(
    configs.replace(
      presets.named('sonnet_cifar10').config, batch_size=batch_size
    ),
    (32, 32, 3),
    (),
  )
  model = build.model(config)
  if not is_likelihood:
    model._log_prob = _minus_squares
  images = _images(batch_size)
  model.assess(images[:1])
  ours = Trainer(model, config.optimizer)
  batches = iter(tf.data.Dataset.from_tensors(images).repeat())
  if way == 'auto':
    compiling.choose(ours, batches, 1, worth_seconds=0)
  else:
    compiling.compile_as(ours, way)

  def work():
    ours.run(batches, tf.constant(_STEPS))
    assert ours.failed_step.numpy() < 0

  work.note = ours.compilation
  return work


def _minus_squares(params, images):
  import tensorflow as tf

  squares = (params - (tf.cast(images, tf.float32) / 255 - 0.5)) ** 2
  return -tf.reduce_sum(squares, [1, 2, 3]) / 0.0632


def _pipeline(batch_size):
  import tensorflow as tf

  from vqvae_tf.datasets import pipeline, source

  count = 50_000
  images = np.tile(_images(100), [count // 100, 1, 1, 1])
  arrays = source.Arrays(images, np.zeros(count, np.int32))
  data = source.ArraySource('cifar10', 'train', arrays)
  batches = iter(pipeline.shuffled(data, batch_size, seed=0, first_step=0))

  @tf.function
  def take(batches):
    total = tf.constant(0, tf.int64)
    for _ in tf.range(_STEPS):
      images, _ = next(batches)
      total += tf.cast(images[0, 0, 0, 0], tf.int64)
    return total

  return lambda: take(batches).numpy()


def _sonnet(batch_size, jit):
  import sonnet as snt
  import tensorflow as tf

  class Residual(snt.Module):
    def __init__(self):
      super().__init__()
      self.blocks = [
        (snt.Conv2D(_RESIDUAL_HIDDENS, 3), snt.Conv2D(_HIDDENS, 1))
        for _ in range(2)
      ]

    def __call__(self, x):
      for conv3, conv1 in self.blocks:
        x += conv1(tf.nn.relu(conv3(tf.nn.relu(x))))
      return tf.nn.relu(x)

  encoder = snt.Sequential([
      snt.Conv2D(_HIDDENS // 2, 4, stride=2), tf.nn.relu,
      snt.Conv2D(_HIDDENS, 4, stride=2), tf.nn.relu,
      snt.Conv2D(_HIDDENS, 3), Residual(), snt.Conv2D(_D, 1),
  ])  # fmt: skip
  decoder = snt.Sequential([
      snt.Conv2D(_HIDDENS, 3), Residual(),
      snt.Conv2DTranspose(_HIDDENS // 2, 4, stride=2), tf.nn.relu,
      snt.Conv2DTranspose(3, 4, stride=2),
  ])  # fmt: skip
  quantizer = snt.nets.VectorQuantizerEMA(_D, _K, 0.25, 0.99)
  optimizer = snt.optimizers.Adam(3e-4)
  images = tf.constant(_images(batch_size))

  @tf.function(jit_compile=jit)
  def step(images):
    x = tf.cast(images, tf.float32) / 255 - 0.5
    with tf.GradientTape() as tape:
      quantized = quantizer(encoder(x), is_training=True)
      error = tf.reduce_mean((decoder(quantized['quantize']) - x) ** 2)
      loss = error / 0.0632 + quantized['loss']
    variables = encoder.trainable_variables + decoder.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return loss

  def work():
    for _ in range(_STEPS):
      loss = step(images)
    assert np.isfinite(loss.numpy())

  return work


def _torch(batch_size, compiled):
  import torch
  from torch import nn
  from vector_quantize_pytorch import VectorQuantize

  class Residual(nn.Module):
    def __init__(self):
      super().__init__()
      self.blocks = nn.ModuleList(
          nn.Sequential(
              nn.ReLU(), nn.Conv2d(_HIDDENS, _RESIDUAL_HIDDENS, 3, 1, 1),
              nn.ReLU(), nn.Conv2d(_RESIDUAL_HIDDENS, _HIDDENS, 1),
          )
          for _ in range(2)
      )  # fmt: skip

    def forward(self, x):
      for block in self.blocks:
        x = x + block(x)
      return torch.relu(x)

  class Model(nn.Module):
    def __init__(self):
      super().__init__()
      self.encoder = nn.Sequential(
          nn.Conv2d(3, _HIDDENS // 2, 4, 2, 1), nn.ReLU(),
          nn.Conv2d(_HIDDENS // 2, _HIDDENS, 4, 2, 1), nn.ReLU(),
          nn.Conv2d(_HIDDENS, _HIDDENS, 3, 1, 1), Residual(),
          nn.Conv2d(_HIDDENS, _D, 1),
      )  # fmt: skip
      self.quantizer = VectorQuantize(
        _D, codebook_size=_K, decay=0.99, commitment_weight=0.25
      )
      self.decoder = nn.Sequential(
          nn.Conv2d(_D, _HIDDENS, 3, 1, 1), Residual(),
          nn.ConvTranspose2d(_HIDDENS, _HIDDENS // 2, 4, 2, 1), nn.ReLU(),
          nn.ConvTranspose2d(_HIDDENS // 2, 3, 4, 2, 1),
      )  # fmt: skip

    def forward(self, images):
      x = images.float() / 255 - 0.5
      z = self.encoder(x).permute(0, 2, 3, 1)
      quantized, _, commitment = self.quantizer(z.flatten(1, 2))
      quantized = quantized.reshape(z.shape).permute(0, 3, 1, 2)
      error = ((self.decoder(quantized) - x) ** 2).mean()
      return error / 0.0632 + commitment.sum()

  model = Model().train()
  loss_of = torch.compile(model) if compiled else model
  optimizer = torch.optim.Adam(model.parameters(), 3e-4)
  images = torch.from_numpy(_images(batch_size)).permute(0, 3, 1, 2)

  def work():
    for _ in range(_STEPS):
      optimizer.zero_grad(set_to_none=True)
      loss = loss_of(images)
      loss.backward()
      optimizer.step()
    assert np.isfinite(loss.item())

  return work


_PEERS = {
  'vqvae_tf': functools.partial(_ours, way='auto'),
  'vqvae_tf graph': functools.partial(_ours, way='graph'),
  'vqvae_tf xla': functools.partial(_ours, way='xla'),
  'squared error': functools.partial(_ours, way='graph', is_likelihood=False),
  'sonnet': functools.partial(_sonnet, jit=False),
  'sonnet jit': functools.partial(_sonnet, jit=True),
  'sonnet onednn': functools.partial(_sonnet, jit=False),
  'sonnet jit onednn': functools.partial(_sonnet, jit=True),
  'torch eager': functools.partial(_torch, compiled=False),
  'torch compiled': functools.partial(_torch, compiled=True),
  'input pipeline': _pipeline,
}
_ONEDNN = {'TF_ENABLE_ONEDNN_OPTS': '1'}
# As a processor without AVX-512 has it, by each library's own setting.
_AVX2 = {
  'ONEDNN_MAX_CPU_ISA': 'AVX2',
  'XLA_FLAGS': '--xla_cpu_max_isa=AVX2',
  'ATEN_CPU_CAPABILITY': 'avx2',
  'MKL_ENABLE_INSTRUCTIONS': 'AVX2',
}


def _environment(name, isa):
  """Returns the variables that a peer is started with."""
  result = dict(_AVX2) if isa == 'avx2' else {}
  if name.endswith('onednn'):
    return result | _ONEDNN
  if isa == 'avx2' and name.startswith('sonnet'):
    return result | {'TF_ENABLE_ONEDNN_OPTS': '0'}
  return result


def main():
  """Times all peers and prints a table."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--rounds', type=int, default=9)
  parser.add_argument('--batch_sizes', type=int, nargs='+', default=[32, 128])
  parser.add_argument('--isa', choices=['own', 'avx2'], default='own')
  parser.add_argument('--output', default='assets/benchmarks/train_step.csv')
  parser.add_argument('--peer', help=argparse.SUPPRESS)
  args = parser.parse_args()
  if args.peer:
    prepare = functools.partial(_PEERS[args.peer], args.batch_sizes[0])
    rounds.serve(prepare)
    return
  # What is measured is the CPU's time, in all peers.
  os.environ['CUDA_VISIBLE_DEVICES'] = '-1'
  limited = ', AVX2 at most' if args.isa == 'avx2' else ''
  described = processor.described() + limited
  table = []
  print(described)
  print('| batch | peer | images/s | time, ours being 1 | note |\n|-|-|-|-|-|')
  for size in args.batch_sizes:
    peers = [
      rounds.Peer(
        name,
        ['--peer', name, '--batch_sizes', str(size)],
        environment=_environment(name, args.isa),
      )
      for name in _PEERS
    ]
    for row in rounds.compare(peers, args.rounds):
      speed = None if row['seconds'] is None else _STEPS * size / row['seconds']
      table.append(
        {'processor': described, 'batch_size': size, **row}
        | {'images_per_second': speed}
      )
      shown = (
        ('', '') if speed is None else (f'{speed:.0f}', f'{row["ratio"]:.3f}')
      )
      print(
        f'| {size} | {row["peer"]} | {" | ".join(shown)} | {row["note"]} |',
        flush=True,
      )
  rounds.write_csv(args.output, table)


if __name__ == '__main__':
  main()
