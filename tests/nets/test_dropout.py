import types

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.nets.dropout import Dropout

ONES = tf.ones([100, 50])


def test_share_and_scale():
  dropped = Dropout(0.2).start(True)(ONES).numpy()
  np.testing.assert_allclose(np.unique(dropped), [0, 1.25], rtol=1e-6)
  # 5 standard errors of 5,000 draws.
  assert abs((dropped == 0).mean() - 0.2) < 5 * np.sqrt(0.2 * 0.8 / 5000)


@pytest.mark.parametrize('rate, is_training', [(0.0, True), (0.5, False)])
def test_nothing_is_dropped(rate, is_training):
  dropout = Dropout(rate)
  np.testing.assert_array_equal(dropout.start(is_training)(ONES), ONES)
  # Nor counted.
  assert [int(v) for v in dropout.variables] == ([0] if rate else [])


def test_each_pass_place_and_seed_has_its_own_numbers():
  def masks(seed):
    dropout = Dropout(0.5, seed)
    drops = [dropout.start(True) for _ in range(2)]
    return [drop(ONES).numpy().tobytes() for drop in drops for _ in range(2)]

  assert masks(3) == masks(3)
  assert len({*masks(3), *masks(4)}) == 8


def test_each_replica_has_its_own_numbers(monkeypatch):
  def mask(replica):
    context = types.SimpleNamespace(
      num_replicas_in_sync=2, replica_id_in_sync_group=tf.constant(replica)
    )
    with monkeypatch.context() as patch:
      patch.setattr(tf.distribute, 'get_replica_context', lambda: context)
      return Dropout(0.5).start(True)(ONES).numpy().tobytes()

  assert len({mask(0), mask(1)}) == 2


def test_rate_out_of_range():
  with pytest.raises(ValueError, match=r'dropout must be in \[0, 1\), not 1'):
    Dropout(1.0)
