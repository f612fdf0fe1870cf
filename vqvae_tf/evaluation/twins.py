"""The same network without codes: what codes are worth."""

import dataclasses

from vqvae_tf import configs
from vqvae_tf.datasets.source import Source
from vqvae_tf.errors import UserError
from vqvae_tf.evaluation.evaluate import batches
from vqvae_tf.metrics.measure import Metrics, measure
from vqvae_tf.serving.subject import Subject


def check_codeless(subject: Subject, codeless: Subject) -> None:
  """Checks that two models differ in their codes alone.

  Args:
    subject: one with codes.
    codeless: the same network, trained alike, whose codes have zero bits.

  Raises:
    UserError: if they have codes the other way round; or if another setting,
      their kind of data or the steps taken differ: it is named.
  """
  if max(codeless.codebook_sizes) > 1:
    raise UserError(
      f'{codeless.origin} has codes: train it with --quantizer=ema '
      '--num_embeddings=1'
    )
  if max(subject.codebook_sizes) == 1:
    raise UserError(f'{subject.origin} has no codes to be compared with')
  ours, theirs = (_without_codes(s) for s in (subject, codeless))
  for name, value in ours.items():
    if value != theirs[name]:
      raise UserError(
        f'{codeless.origin} is another network: it was trained with '
        f'{name}={theirs[name]}, and {subject.origin} with {value}'
      )


def _without_codes(subject):
  """Returns what was trained on what for how long, but for what may differ."""
  config = dataclasses.replace(
    subject.config, quantizer=configs.QuantizerConfig(), run=configs.RunConfig()
  )
  config = configs.effective(configs.replace(config, data_dir='', seed=0))
  # Asked for may have been more steps than were taken.
  return (
    {f'--{field.name}': value for field, value in configs.fields(config)}
    | configs.observations(config)
    | {'--steps': subject.last_step}
  )


def compare_codeless(
  result: Metrics, codeless: Subject, data: Source
) -> Metrics:
  """Adds the pixel bits of the same network trained without codes.

  Args:
    result: of the network with codes, on `data`.
    codeless: one that `check_codeless` accepts.
    data: the split.
  """
  of_split = batches(data, 'without codes')
  bare = measure(codeless.assess, of_split, codeless.codebook_sizes)
  return result._replace(codeless_bits_per_dim=bare.pixel_bits_per_dim)
