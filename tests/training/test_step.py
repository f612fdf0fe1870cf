import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from vqvae_tf import build, configs
from vqvae_tf.configs import OptimizerConfig, PriorConfig
from vqvae_tf.models import Losses
from vqvae_tf.training.step import Trainer

RATE = 0.5


class _Slope(snt.Module):
  """Its loss is w * factor * (mean of the batch)."""

  statistics = ('loss', 'nats', 'quantizer_loss')
  counted_codebooks = (4,)

  def __init__(self):
    super().__init__('slope')
    self.w = tf.Variable(3.0)
    self.factor = tf.Variable(1.0, trainable=False)
    self.weights, self.matrices = [self.w], []

  def losses(self, batch, is_training):
    mean = tf.reduce_mean(tf.cast(batch, tf.float32))
    loss = self.w * self.factor * mean
    codes = tf.cast(batch, tf.int32)
    return Losses(loss, tf.stack([1.0, 2.0]), 2 * loss, codes)


@pytest.fixture
def make():
  def trainer(precision='float32', **settings):
    config = OptimizerConfig(
      batch_size=2, learning_rate=RATE, precision=precision, **settings
    )
    return Trainer(_Slope(), config)

  return trainer


def _run(trainer, num_steps=1, factor=1.0):
  """Takes steps with batches of the values 1 and 3."""
  trainer.model.factor.assign(factor)
  batch = np.array([1, 3], np.uint8).reshape(2, 1, 1, 1)
  data = tf.data.Dataset.from_tensors(batch).repeat()
  trainer.run(iter(data), tf.constant(num_steps))


def _values(module):
  return [variable.numpy() for variable in module.variables]


@pytest.mark.parametrize('precision', ['float32', 'mixed_float16'])
def test_a_step_by_hand(make, precision):
  trainer = make(precision)
  _run(trainer)
  # Adam's first step is the rate, up to the rounding of 1 - 0.999.
  np.testing.assert_allclose(trainer.model.w, 3 - RATE, rtol=1e-4)
  # The gradient 2, whatever the loss was multiplied by.
  np.testing.assert_allclose(trainer.optimizer.m[0], 0.1 * 2, rtol=1e-6)
  assert trainer.take_averages() == {
    'loss': 6,
    'nats': 1.5,
    'quantizer_loss': 12,
  }
  [counts] = trainer.take_code_counts()
  assert counts.tolist() == [0, 1, 0, 1]
  assert trainer.step.numpy() == trainer.optimizer.step.numpy() == 1
  assert trainer.failed_step.numpy() == -1


@pytest.mark.parametrize('precision', ['float32', 'mixed_float16'])
@pytest.mark.parametrize('clip_norm, gradient', [(0.5, 0.5), (3.0, 2)])
def test_a_clipped_step_by_hand(make, precision, clip_norm, gradient):
  trainer = make(precision, clip_norm=clip_norm)
  _run(trainer)
  np.testing.assert_allclose(trainer.optimizer.m[0], 0.1 * gradient, rtol=1e-6)


@pytest.mark.parametrize('compilation', ['graph', 'xla'])
def test_a_step_in_parts_by_hand(make, compilation):
  """The gradients of both halves are 1 and 3, and those of two steps these."""
  trainer, whole = make(accumulation_steps=2), make()
  trainer.compilation = compilation
  for each in (trainer, whole):
    _run(each, 2)
  np.testing.assert_allclose(trainer.model.w, whole.model.w, rtol=1e-6)
  np.testing.assert_allclose(
    trainer.optimizer.m[0], whole.optimizer.m[0], rtol=1e-6
  )
  assert trainer.step.numpy() == trainer.optimizer.step.numpy() == 2
  assert trainer.take_averages() == pytest.approx(whole.take_averages())
  assert trainer.take_code_counts()[0].tolist() == [0, 2, 0, 2]


def test_what_parts_add_up_to_is_in_no_checkpoint(make):
  ours, theirs = make(accumulation_steps=2), make()
  assert len(ours.variables) == len(theirs.variables)


def test_statistics_start_anew(make):
  trainer = make()
  _run(trainer, 3)
  trainer.take_averages()
  trainer.take_code_counts()
  assert np.isnan(trainer.take_averages()['loss'])
  assert not trainer.take_code_counts()[0].any()


@pytest.mark.parametrize(
  'decay_steps, rates',
  [
    (0, {0: 0.25, 1: 0.5, 2: 0.75, 3: 1, 4: 1, 9: 1}),
    # The cosine of 0, 45, 90 and 180 degrees.
    (
      8,
      {
        0: 0.25,
        2: 0.75 * (0.01 + 0.99 * (1 + 0.5**0.5) / 2),
        4: 0.01 + 0.99 / 2,
        8: 0.01,
        9: 0.01,
      },
    ),
  ],
)
def test_the_rate_rises_and_falls(make, decay_steps, rates):
  trainer = make(warmup_steps=4, decay_steps=decay_steps)
  for step, rate in rates.items():
    trainer.optimizer.step.assign(step)
    # Roundings of float32, and 1 + the cosine near -1 beside 0.01.
    np.testing.assert_allclose(trainer._rate(), RATE * rate, rtol=1e-5)


def test_the_average_follows_the_steps(make):
  trainer = make(average_decay=0.5)
  expected = 3.0
  for d in (1 / 10, 2 / 11, 3 / 12):
    _run(trainer)
    weight = trainer.model.w.numpy()
    expected = d * expected + (1 - d) * weight
    np.testing.assert_allclose(
      trainer.averaging.averages[0], expected, rtol=1e-6
    )
  with trainer.averaged():
    np.testing.assert_allclose(trainer.model.w, expected, rtol=1e-6)
  assert trainer.model.w.numpy() == weight != np.float32(expected)


def test_without_averages_the_weights_are_evaluated(make):
  trainer = make()
  assert trainer.averaging is None
  with trainer.averaged():
    assert trainer.model.w.numpy() == 3


class TestOverflow:
  def test_of_a_part_leaves_the_step_out(self, make):
    trainer = make('mixed_float16', accumulation_steps=2, clip_norm=1.0)
    _run(trainer)
    weights = trainer.model.w.numpy()
    _run(trainer, factor=np.inf)
    assert trainer.model.w.numpy() == weights
    assert trainer.take_code_counts()[0].tolist() == [0, 1, 0, 1]
    # Nothing of it is left in the next one.
    _run(trainer)
    assert trainer.model.w.numpy() < weights
    assert trainer.optimizer.step.numpy() == 2

  def test_leaves_the_step_out(self, make):
    trainer = make('mixed_float16', decay_steps=10, average_decay=0.9)
    _run(trainer)
    weights = trainer.model.w.numpy()
    before = _values(trainer.optimizer) + _values(trainer.averaging)
    rate = trainer._rate().numpy()
    _run(trainer, factor=np.inf)
    assert trainer.model.w.numpy() == weights
    after = _values(trainer.optimizer) + _values(trainer.averaging)
    for one, other in zip(before, after, strict=True):
      np.testing.assert_array_equal(one, other)
    assert trainer._rate().numpy() == rate
    assert trainer.loss_scale.value.numpy() == 2**14
    assert trainer.step.numpy() == 2
    assert trainer.failed_step.numpy() == -1
    # The average of the first step alone: the other has no loss.
    assert trainer.take_averages()['loss'] == 6
    assert trainer.take_code_counts()[0].tolist() == [0, 1, 0, 1]
    _run(trainer)
    assert trainer.model.w.numpy() < weights

  def test_of_the_gradient_alone(self, make):
    trainer = make('mixed_float16')
    # Times 2^15 it is beyond float32.
    _run(trainer, factor=1e35)
    assert trainer.model.w.numpy() == 3
    assert trainer.loss_scale.value.numpy() == 2**14
    assert trainer.optimizer.step.numpy() == 0

  def test_fails_once_the_scale_cannot_help(self, make):
    trainer = make('mixed_float16')
    trainer.loss_scale.value.assign(2.0)
    _run(trainer, factor=np.inf)
    assert trainer.failed_step.numpy() == -1
    _run(trainer, 2, factor=np.inf)
    assert trainer.failed_step.numpy() == 2

  @pytest.mark.parametrize('precision', ['float32', 'mixed_bfloat16'])
  def test_fails_at_once_without_a_scale(self, make, precision):
    trainer = make(precision)
    assert trainer.loss_scale is None
    _run(trainer)
    _run(trainer, factor=np.inf)
    assert trainer.failed_step.numpy() == 2


def test_muon_leaves_codebooks_and_biases_to_adam(tiny_config):
  config = configs.replace(tiny_config, quantizer='gradient', optimizer='muon')
  config = configs.observed(config, (8, 8, 1), ())
  model = build.model(config)
  model.assess(tf.zeros([1, 8, 8, 1], tf.uint8))
  trainer = Trainer(model, config.optimizer)
  book = model.quantizer.embeddings.shape
  assert any(m.shape == book for m in trainer.optimizer.adam.m)
  ranks = {m.shape.rank for m in trainer.optimizer.momenta}
  assert ranks == {4}
  assert sum(m.shape.rank > 1 for m in trainer.optimizer.adam.m) == 1


def test_muon_leaves_the_tables_of_a_prior_to_adam():
  config = PriorConfig(
    grid=(2, 5), codebook_sizes=(7, 3), num_dims=1, class_names=('a', 'b', 'c')
  )
  config = configs.replace(config, num_hiddens=8, num_layers=1)
  trainer = Trainer(build.prior(config), config.optimizer)
  tables = [m.shape for m in trainer.optimizer.adam.m if m.shape.rank > 1]
  # Codes, labels, positions; logits, of features and of the first codebook.
  expected = [(10, 32), (3, 32), (2, 5, 32), (8, 7), (8, 7), (32, 7)]
  assert sorted(map(tuple, tables)) == sorted(expected)
  hidden = {m.shape[-1] for m in trainer.optimizer.momenta}
  assert hidden == {8, 16}
