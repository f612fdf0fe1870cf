import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import nets
from vqvae_tf.nets import transformer


def test_attention_by_hand():
  layer = transformer._Layer(4, num_heads=2, name='layer')
  rows = tf.random.stateless_normal([3, 5, 4], [1, 2])
  query, keys, values = (x.numpy() for x in layer.heads(rows))
  is_seen = np.tril(np.ones([3, 3], bool))
  attended = layer.attend(query, keys, values, is_seen).numpy()
  for b, head, t in np.ndindex(5, 2, 3):
    part = slice(2 * head, 2 * head + 2)
    logits = keys[: t + 1, b, part] @ query[t, b, part] / np.sqrt(2)
    shares = np.exp(logits) / np.exp(logits).sum()
    # Sums of a few products of numbers around 1.
    np.testing.assert_allclose(
      attended[t, b, part], shares @ values[: t + 1, b, part], atol=1e-6
    )


def test_channels_without_equal_parts():
  with pytest.raises(ValueError, match='10 channels have no 4 equal parts'):
    nets.CausalTransformer(1, 2, 10, 1)
