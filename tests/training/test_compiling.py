import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import build, configs
from vqvae_tf.errors import UserError
from vqvae_tf.training import compiling
from vqvae_tf.training.step import Trainer

CONFIG = configs.observed(
  configs.replace(
    configs.Config(),
    num_hiddens=8,
    num_residual_hiddens=4,
    num_embeddings=16,
    batch_size=4,
    average_decay=0.9,
  ),
  (8, 8, 3),
  (),
)


def _trainer(**settings):
  config = configs.replace(CONFIG, **settings)
  tf.random.set_seed(0)
  return Trainer(build.initialized_model(config), config.optimizer)


def _batches():
  images = np.random.default_rng(0).integers(0, 256, [4, 8, 8, 3], np.uint8)
  return iter(tf.data.Dataset.from_tensors(images).repeat())


def _values(trainer):
  return [variable.numpy() for variable in trainer.variables]


def _without(monkeypatch, way):
  """Has one way take ten times as long as the other one."""
  ticks = {'graph': 1.0, 'xla': 1.0, way: 10.0}

  def seconds(trainer, batches, num_steps):
    trainer.run(batches, tf.constant(num_steps))
    return ticks[trainer.compilation] * num_steps

  monkeypatch.setattr(compiling, '_seconds', seconds)


@pytest.mark.parametrize('slower, faster', [('xla', 'graph'), ('graph', 'xla')])
def test_the_faster_way_is_chosen(monkeypatch, slower, faster):
  _without(monkeypatch, slower)
  trainer = _trainer()
  choice = compiling.choose(trainer, _batches(), 1_000)
  assert choice.compilation == trainer.compilation == faster
  assert choice.milliseconds == {faster: 1e3, slower: 1e4}
  assert choice.text == (
    f'compilation of a step: {faster} (ms per step: '
    + (
      'graph 1000.0, xla 10000.0)'
      if faster == 'graph'
      else 'graph 10000.0, xla 1000.0)'
    )
  )


def test_measuring_leaves_no_trace():
  trainer = _trainer()
  trainer.run(_batches(), tf.constant(3))
  before = _values(trainer)
  compiling.choose(trainer, _batches(), 1, worth_seconds=0)
  for old, new in zip(before, _values(trainer), strict=True):
    np.testing.assert_array_equal(old, new)


def test_short_runs_are_not_measured():
  choice = compiling.choose(_trainer(), _batches(), 1)
  assert choice == ('graph', {})
  assert choice.text == 'compilation of a step: graph'


def test_what_xla_cannot_compile_stays_a_graph(monkeypatch):
  trainer = _trainer()
  monkeypatch.setattr(
    trainer,
    '_step_under_xla',
    tf.function(
      lambda batch: tf.numpy_function(np.sum, [batch], tf.uint8),
      jit_compile=True,
    ),
  )
  choice = compiling.choose(trainer, _batches(), 1, worth_seconds=0)
  assert choice == ('graph', {})


@pytest.mark.parametrize(
  'settings',
  [
    {'optimizer': 'muon', 'quantizer': 'residual'},
    {'precision': 'mixed_float16', 'likelihood': 'normal'},
    {'decoder': 'autoregressive', 'causal_hiddens': 8, 'causal_layers': 1},
  ],
  ids=str,
)
def test_both_ways_take_the_same_steps(settings):
  found = {}
  for way in ('graph', 'xla'):
    trainer = _trainer(initialization='variance_scaling', **settings)
    compiling.compile_as(trainer, way)
    trainer.run(_batches(), tf.constant(3))
    found[way] = trainer.take_averages()
  averages, others = (found[way] for way in ('graph', 'xla'))
  rough = settings.get('precision', 'float32') != 'float32'
  for name, value in averages.items():
    assert others[name] == pytest.approx(value, rel=2e-2 if rough else 1e-4)


def test_xla_is_refused_where_several_devices_train():
  class _Two:
    num_replicas = 2

  with pytest.raises(UserError, match='--compile=xla is for one device'):
    compiling.compile_as(_Two(), 'xla')
