import pytest
import tensorflow as tf

from vqvae_tf import replicas
from vqvae_tf.models import compiled


@pytest.mark.parametrize('count, calls', [(1, [False]), (2, [True, True])])
def test_one_of_several_replicas_runs_it_as_is(monkeypatch, count, calls):
  monkeypatch.setattr(replicas, 'count', lambda: count)
  eager = []

  def double(x):
    eager.append(tf.executing_eagerly())
    return 2 * x

  function = compiled(double)
  assert [float(function(tf.constant(x))) for x in (1.0, 2.0)] == [2, 4]
  # Compiled, it is traced once and never runs in Python.
  assert eager == calls
