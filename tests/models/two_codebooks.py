"""Priors over two codebooks, and every grid of codes that there is."""

import itertools

import numpy as np
import tensorflow as tf

from vqvae_tf import nets
from vqvae_tf.models import CodePrior

SIZES, GRID, CLASSES = (3, 2), (1, 2), 2
# Every grid of codes that there is: 6^2.
CODES = np.array(
  list(itertools.product(*map(range, SIZES * 2))), np.int32
).reshape([-1, *GRID, 2])
NETWORKS = {
  'gated': lambda: nets.GatedPixelCNN(2, 3, 8, 1),
  'transformer': lambda: nets.CausalTransformer(2, 3, 8, 1, 2),
  'wavenet': lambda: nets.WaveNet(2, 3, 8, 1, dropout=0.3),
}


class Fixed(nets.CausalNetwork):
  """The same logits in every cell, whatever came before."""

  def __init__(self, logits):
    logits = np.asarray(logits, np.float32)
    super().__init__(*logits.shape, num_hiddens=1, name='fixed')
    self.logits = logits

  def __call__(self, slots, context, is_training=False):
    shape = [*slots.shape[:-2], *self.logits.shape]
    return tf.broadcast_to(self.logits, shape)

  def initial_state(self, context, num_features):
    return ()

  def step(self, state, t, cell):
    return cell, state

  def parameters(self, seen, earlier, slot):
    line = self.logits[slot]
    return tf.broadcast_to(line, [tf.shape(seen)[0], len(line)])


def make(network, num_classes=CLASSES, grid=GRID):
  tf.random.set_seed(0)
  prior = CodePrior(NETWORKS[network](), SIZES, grid, num_classes, 4, 4)
  # Far from uniform.
  for variable in prior.trainable_variables:
    variable.assign(2.5 * variable)
  return prior
