"""train(config, workdir, codes): a prior in the training loop."""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from vqvae_tf import bits, build
from vqvae_tf.configs import PriorConfig
from vqvae_tf.datasets import pipeline
from vqvae_tf.media.images import are_images
from vqvae_tf.models import SEED, CodeBatch, parameters, serve_prior
from vqvae_tf.priors import measuring
from vqvae_tf.priors.codes import Codes
from vqvae_tf.runs.workdir import PriorWorkdir, State
from vqvae_tf.training import loop
from vqvae_tf.training.stage import Stage, Validation

# For TensorBoard.
_NUM_SAMPLES = 16


def train(
  config: PriorConfig,
  workdir: PriorWorkdir,
  codes: Codes,
  decode: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> State:
  """Trains a prior, or goes on where a run in this workdir stopped.

  A run on the codes of another checkpoint is worth nothing for these codes: it
  is removed, and said so.

  Args:
    config: the run; `run.steps` counts from the run's first step.
    workdir: that of the prior, in the workdir of the model.
    codes: those of the model.
    decode: takes codes int32 `[B, ..., M]` to uint8 `[B, ..., C]`; with it
      TensorBoard shows samples, if they are images.

  Returns:
    The state at the end, as `loop.train` returns it. Its score is that of the
    codes given their class, where the prior is conditional, in bits per
    dimension of the image.

  Raises:
    UserError: as `loop.train` does.
  """
  source = codes.splits['train']
  config = dataclasses.replace(
    config,
    grid=source.example_shape[:-1],
    codebook_sizes=codes.codebook_sizes,
    num_dims=codes.num_dims,
    class_names=source.class_names,
    fingerprint=codes.fingerprint,
  )
  if workdir.has_config():
    with workdir.locked():
      if workdir.load_config().fingerprint != codes.fingerprint:
        print(f'{workdir} is the prior of an earlier model: it is trained anew')
        workdir.clear()
  return loop.train(_CodeStage(config, codes, decode), workdir)


def is_finished(config: PriorConfig, state: State) -> bool:
  """Returns whether a run has ended by itself, and by no signal."""
  is_exhausted = 0 < config.run.patience <= state.num_worse
  return state.step >= config.run.steps or is_exhausted


class _CodeStage(Stage):
  """A prior, trained on codes."""

  def __init__(
    self,
    config: PriorConfig,
    codes: Codes,
    decode: Callable[[tf.Tensor], tf.Tensor] | None,
  ):
    super().__init__(config, codes.splits['train'].num_examples)
    self.patience = config.run.patience
    self._splits = codes.splits
    self._decode = decode
    self._baselines = measuring.baselines(codes, 'validation')

  def build(self):
    prior = build.prior(self.config)
    self._served = serve_prior(prior)
    # XLA takes long for a loop that runs a few times only.
    self._sample = tf.function(
      functools.partial(prior.sample, jit_compile=False), autograph=False
    )
    self._parameters = parameters.of_prior(prior)
    return prior

  def parameters(self):
    return self._parameters

  def batches(self, first_step, part):
    settings = self.config.optimizer
    batches = pipeline.shuffled(
      self._splits['train'],
      settings.batch_size,
      settings.seed,
      first_step,
      part,
    )
    return batches.map(CodeBatch)

  def progress(self, averages):
    nats = averages.pop('nats')
    shown = {'bits_per_code': bits.bits_per_dim(nats, self.config.num_codes)}
    return averages | shown, shown

  def validation(self):
    source = self._splits['validation']
    bits_per_code = measuring.mean_bits(self._served, self.config, source)
    scalars = {
      'num_examples': source.num_examples,
      'bits_per_code': bits_per_code,
      'code_bits_per_dim': self._per_dim(bits_per_code),
    }
    given = ', given the class' if self.config.num_classes else ''
    text = (
      f'{bits_per_code:.4f} bits/code{given} (unigram '
      f'{self._baselines.unigram:.4f}, uniform {self._baselines.uniform:.4f})'
    )
    return Validation(scalars['code_bits_per_dim'], scalars, text)

  def samples(self):
    if not self._decode:
      return {}
    # In rows of 8: some of each class.
    labels = np.sort(np.arange(_NUM_SAMPLES) % max(1, self.config.num_classes))
    # The same random numbers each time: what changes has been learned.
    codes = self._sample(tf.constant(labels, tf.int32), tf.constant(SEED))
    samples = np.asarray(self._decode(codes))
    return {'samples': samples} if are_images(samples.shape[1:]) else {}

  def _per_dim(self, bits_per_code):
    return bits_per_code * self.config.num_codes / self.config.num_dims
