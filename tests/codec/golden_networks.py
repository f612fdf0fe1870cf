"""The networks of the golden cases, in floats and in integers.

Run as a program it writes the frozen files of them anew: a change of any byte
of those is a change of the format.
"""

import dataclasses
from typing import NamedTuple

import golden
import tensorflow as tf

from vqvae_tf import build, configs
from vqvae_tf.codec.coding import Content
from vqvae_tf.exact import model as exact
from vqvae_tf.models.weights import weights_of
from vqvae_tf.serving import integers

_NETWORK = {
  'num_hiddens': 6,
  'num_residual_layers': 1,
  'num_residual_hiddens': 4,
  'num_halvings': 1,
  'embedding_dim': 4,
  'num_embeddings': 5,
  'causal_hiddens': 6,
  'causal_layers': 2,
  'initialization': 'variance_scaling',
}


class Made(NamedTuple):
  """A case with its networks, in floats and in integers."""

  model: object
  prior: object
  structure: object
  arrays: dict
  exact: exact.ExactModel
  content: Content


def make(name: str) -> Made:
  """Builds the networks of a case; random, but far from uniform."""
  case = golden.CASES[name]
  config = configs.replace(configs.Config(), **{**_NETWORK, **case.settings})
  config = configs.observed(config, case.shape, ())
  tf.random.set_seed(1)
  model = build.initialized_model(config)
  prior, prior_config = None, None
  if case.prior:
    prior_config = dataclasses.replace(
      configs.replace(
        configs.PriorConfig(),
        network=case.prior,
        num_hiddens=8,
        num_layers=2,
      ),
      grid=build.code_shape(config)[:-1],
      codebook_sizes=model.quantizer.codebook_sizes,
      class_names=tuple('abc'[: case.num_classes]),
    )
    prior = build.prior(prior_config)
  variables = (*model.variables, *(prior.variables if prior else ()))
  for variable in variables:
    if variable.dtype == tf.float32 and 'quantizer' not in variable.name:
      variable.assign(1.7 * variable)
  structure, arrays = integers.integers(
    weights_of(variables), model.embed, config, prior_config
  )
  made = exact.ExactModel(structure, arrays)
  return Made(model, prior, structure, arrays, made, golden.content(structure))


if __name__ == '__main__':
  for case in golden.CASES:
    made = make(case)
    exact.write(golden.FROZEN / f'{case}.npz', made.structure, made.arrays)
    (golden.FROZEN / f'{case}.vqz').write_bytes(
      golden.coded(made.exact, made.content)
    )
