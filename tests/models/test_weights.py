"""Training starts from the weights of another model."""

import numpy as np
import pytest

from vqvae_tf import build, configs
from vqvae_tf.models import weights
from vqvae_tf.serving import load


def _observed(config):
  return configs.observed(config, (8, 8, 1), ())


@pytest.mark.parametrize('quantizer', ['ema', 'residual', 'cosine', 'gradient'])
def test_all_that_a_run_has(tiny_config, quantizer):
  config = _observed(configs.replace(tiny_config, quantizer=quantizer))
  one = build.initialized_model(config)
  for i, variable in enumerate(one.variables):
    variable.assign(
      np.full(variable.shape, i % 7, variable.dtype.as_numpy_dtype)
    )
  other = build.initialized_model(config)
  weights.assign(other, weights.weights_of(one.variables))
  for ours, theirs in zip(one.variables, other.variables, strict=True):
    np.testing.assert_array_equal(ours, theirs)


def test_an_export_lacks_averages(tiny_config, trained, exported, digits):
  model = build.initialized_model(_observed(tiny_config))
  weights.assign(model, load.weights(exported))
  exact = load.weights(trained.path)
  [codebook] = exact['vector_quantizer_ema/embeddings:0']
  np.testing.assert_array_equal(model.quantizer.embeddings, codebook)
  images, _ = digits['test'].fetch(np.arange(20))
  # Averages of one vector each keep the codebook nearly where it is.
  loss = model.losses(images, is_training=True)
  assert np.isfinite(loss.loss)
  assert np.abs(model.quantizer.embeddings.numpy() - codebook).max() < 1.0


@pytest.mark.parametrize(
  'change, match',
  [
    (
      {'num_embeddings': 32},
      r'embeddings:0 .* \(4, 32\), but there is \(4, 16',
    ),
    ({'num_halvings': 2}, r'double_0/b:0 should be of shape '),
  ],
)
def test_another_network_is_named(tiny_config, exported, change, match):
  model = build.initialized_model(
    _observed(configs.replace(tiny_config, **change))
  )
  before = weights.weights_of(model.variables)
  with pytest.raises(ValueError, match=match):
    weights.assign(model, load.weights(exported))
  for name, values in weights.weights_of(model.variables).items():
    np.testing.assert_array_equal(values, before[name])
