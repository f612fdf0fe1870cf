"""Trains quantizers on two replicas and on one device; a test's subprocess.

  replica_run.py devices|workers OUTPUT.npz

writes, for each strategy and case, the variables of every replica here. Of the
devices of one process there are two strategies, and one device that saw the
whole batch. A cluster of workers comes from TF_CONFIG. A case costs seconds for
its graph: one strategy has all of them, the others a few.
"""

import sys

import numpy as np
import sonnet as snt
import tensorflow as tf

from vqvae_tf.quantizers import (
  CodebookPolicy,
  CosineQuantizer,
  LookupFreeQuantizer,
  ProductQuantizer,
  ResidualQuantizer,
  VectorQuantizer,
  VectorQuantizerEMA,
)

STEPS, BATCH, D, K = 50, 32, 3, 8
RESTART = CodebookPolicy('kmeans++', 'restart', seed=1)


def ema(dim=D, **options):
  # Sonnet's averages take a decay of float64 in float64.
  return VectorQuantizerEMA(
    dim, K, 0.25, 0.9, dtype=tf.float64, **{'policy': RESTART, **options}
  )


CASES = {
  'micro-batches': lambda: ema(accumulation_steps=5),
  'gradient': lambda: VectorQuantizer(
    D, K, 0.25, dtype=tf.float64, policy=RESTART
  ),
  'residual': lambda: ResidualQuantizer(
    [ema(), ema(policy=CodebookPolicy())], dropout=0.5
  ),
  'as sonnet': lambda: ema(policy=CodebookPolicy()),
  'restart': ema,
  'data': lambda: ema(policy=CodebookPolicy('data', 'keep')),
  'product': lambda: ProductQuantizer(
    [ema(1, policy=CodebookPolicy()), ema(2)]
  ),
  'lookup-free': lambda: LookupFreeQuantizer(D),
  'cosine': lambda: CosineQuantizer(D, K, 2, decay=0.9, policy=RESTART),
}
# What other strategies could do otherwise: move variables of each kind, in a
# branch too, and exchange sums, vectors and sizes. They are the first, because
# the strategies of one process number their exchanges alike, and TensorFlow
# wants those of one number to be of one kind.
FEW = [*CASES][:3]


def batch(step, count):
  """The rows of this replica, [BATCH / count, D], and their weights.

  The last batch has one row alone: that of the first replica.
  """
  context = tf.distribute.get_replica_context()
  # Drifts, so that codes die and restart.
  values = tf.random.stateless_normal([BATCH, D], [7, step], dtype=tf.float64)
  values += 0.1 * tf.cast(step, tf.float64)
  weights = tf.random.stateless_uniform([BATCH], [8, step], dtype=tf.float64)
  rows = BATCH // count
  first = context.replica_id_in_sync_group * rows if count > 1 else 0
  here = slice(first, tf.where(step < STEPS - 1, first + rows, 1))
  return values[here], tf.cast(weights[here] > 0.2, tf.float64)


def training(module, encoder, strategy):
  """Returns one compiled training step of all replicas."""
  count = strategy.num_replicas_in_sync

  def replica_step(step):
    values, weights = batch(step, count)
    variables = [v for v in module.variables if v.trainable] + [encoder]
    with tf.GradientTape() as tape:
      inputs = tf.matmul(tf.cast(values, encoder.dtype), encoder)
      result = module.forward(inputs, True, weights)
      # A mean over none would be no number.
      size = D * BATCH / count
      loss = result.loss + tf.reduce_sum(result.vectors**2) / size
    gradients = tape.gradient(loss, variables)
    if count > 1:
      context = tf.distribute.get_replica_context()
      gradients = context.all_reduce('MEAN', gradients)
    for variable, gradient in zip(variables, gradients, strict=True):
      variable.assign_sub(0.05 * gradient)

  # Autograph, which nothing here needs, would take most of the time.
  @tf.function(autograph=False)
  def train(step):
    strategy.run(replica_step, args=(step,))

  return train


def train(make, strategy):
  """Returns the variables after training: a list for each replica here."""
  tf.random.set_seed(3)
  with strategy.scope():
    module = make()
    # The cosine's projections know no float64.
    is_single = isinstance(module, CosineQuantizer)
    encoder = tf.Variable(
      tf.eye(D, dtype=tf.float32 if is_single else tf.float64)
    )
  step = training(module, encoder, strategy)
  for number in range(STEPS):
    step(tf.constant(number))
  own = [
    strategy.experimental_local_results(variable)
    for variable in (*module.variables, encoder)
  ]
  return [list(values) for values in zip(*own, strict=True)]


def strategies(kind):
  """Returns what trains, by name."""
  if kind == 'workers':
    return {'workers': tf.distribute.MultiWorkerMirroredStrategy()}
  cpu = tf.config.list_physical_devices('CPU')[0]
  two = [tf.config.LogicalDeviceConfiguration()] * 2
  tf.config.set_logical_device_configuration(cpu, two)
  names = ['CPU:0', 'CPU:1']
  return {
    'mirrored': tf.distribute.MirroredStrategy(names),
    'replicator': snt.distribute.Replicator(names),
    'one': tf.distribute.get_strategy(),
  }


def main():
  kind, path = sys.argv[1:]
  arrays = {}
  for name, strategy in strategies(kind).items():
    assert strategy.num_replicas_in_sync == (1 if name == 'one' else 2)
    for case in FEW if name in ('replicator', 'workers') else CASES:
      for r, variables in enumerate(train(CASES[case], strategy)):
        for v, variable in enumerate(variables):
          arrays[f'{name}/{case}/{r}/{v}'] = np.asarray(variable)
  np.savez(path, **arrays)


if __name__ == '__main__':
  main()
