"""One of each quantizer, and what they are tried with."""

import tensorflow as tf

from vqvae_tf.quantizers import (
  CodebookPolicy,
  CosineQuantizer,
  FiniteScalarQuantizer,
  LookupFreeQuantizer,
  ProductQuantizer,
  ResidualQuantizer,
  VectorQuantizer,
  VectorQuantizerEMA,
  rotation_trick,
)

RESTART = CodebookPolicy('kmeans++', 'restart', seed=3)
QUANTIZERS = {
  'VectorQuantizer': lambda: VectorQuantizer(4, 6, 0.25),
  'VectorQuantizer restart': lambda: VectorQuantizer(
    4, 6, 0.25, policy=RESTART
  ),
  'VectorQuantizerEMA': lambda: VectorQuantizerEMA(4, 6, 0.25, 0.9),
  'VectorQuantizerEMA restart': lambda: VectorQuantizerEMA(
    4, 6, 0.25, 0.9, policy=RESTART
  ),
  'VectorQuantizerEMA rotation': lambda: VectorQuantizerEMA(
    4, 6, 0.25, 0.9, estimator=rotation_trick
  ),
  'ProductQuantizer': lambda: ProductQuantizer(
    [
      VectorQuantizerEMA(3, 5, 0.25, 0.9),
      VectorQuantizer(1, 4, 0.25),
      FiniteScalarQuantizer([3, 4]),
    ]
  ),
  'ResidualQuantizer': lambda: ResidualQuantizer(
    [VectorQuantizerEMA(4, 6, 0.25, 0.9, policy=RESTART) for _ in range(3)],
    dropout=0.5,
  ),
  'FiniteScalarQuantizer': lambda: FiniteScalarQuantizer([3, 4, 5]),
  'LookupFreeQuantizer': lambda: LookupFreeQuantizer(5),
  'CosineQuantizer': lambda: CosineQuantizer(6, 5, projection_dim=3),
}


class Subject:
  """A quantizer that has seen a few batches, with graphs that tests share."""

  def __init__(self, make):
    tf.random.set_seed(0)
    self.make, self.module = make, make()
    train(self.module, range(3))
    self._trained, self._compiled = values(self.module), {}

  def restore(self):
    for variable, value in zip(
      self.module.variables, self._trained, strict=True
    ):
      variable.assign(value)

  def graph(self, inputs, is_training):
    """The forward pass by one graph, of unknown sizes, for both answers."""
    if 'graph' not in self._compiled:
      vectors = tf.TensorSpec([None, None, self.module.embedding_dim])
      self._compiled['graph'] = tf.function(
        self.module.forward,
        [vectors, tf.TensorSpec([], tf.bool)],
        autograph=False,
      )
    return self._compiled['graph'](inputs, tf.constant(is_training))

  def jit(self, inputs, is_training):
    """The forward pass by XLA, which compiles each size by itself."""
    if is_training not in self._compiled:
      vectors = tf.TensorSpec([None, None, self.module.embedding_dim])
      self._compiled[is_training] = tf.function(
        lambda inputs: self.module.forward(inputs, is_training),
        input_signature=[vectors],
        autograph=False,
        jit_compile=True,
      )
    return self._compiled[is_training](inputs)


def vectors(module, step=0, shape=(2, 3, 5)):
  return tf.random.stateless_normal([*shape, module.embedding_dim], [5, step])


def train(module, steps):
  """Moves what training moves, by averages or by gradients."""
  for step in steps:
    with tf.GradientTape() as tape:
      result = module.forward(vectors(module, step), is_training=True)
      loss = result.loss + tf.reduce_mean(result.vectors**2)
    # Sonnet's own list refuses to be empty.
    variables = [v for v in module.variables if v.trainable]
    if not variables:
      continue
    for variable, gradient in zip(
      variables, tape.gradient(loss, variables), strict=True
    ):
      variable.assign_sub(0.1 * gradient)


def values(module):
  return [variable.numpy() for variable in module.variables]
