"""The model card of an export: what it is, where it comes from, its figures."""

from vqvae_tf import configs
from vqvae_tf.metrics import table
from vqvae_tf.models import VQVAE, parameters, traits
from vqvae_tf.priors import measuring
from vqvae_tf.runs import results
from vqvae_tf.runs.run import Run

# What the hubs of models read at the head of a card.
_HEAD = """---
library_name: vqvae_tf
license: apache-2.0
tags:
- vq-vae
- tensorflow
- image-compression
datasets:
- {dataset}
{results}---

"""

_RESULTS = """model-index:
- name: {dataset}
  results:
{splits}
"""

_SPLIT = """  - task:
      type: unconditional-image-generation
    dataset:
      name: {dataset}
      type: {dataset}
      split: {split}
    metrics:
    - type: bits_per_dim
      value: {bits_per_dim:.4f}"""

_TEMPLATE = """# VQ-VAE on {dataset}

Images uint8 {shape} to codes int32 {grid} out of K = {sizes}, and back.
Made by vqvae_tf {version}; plain TensorFlow loads it.{decoder}

Parameters: {parameters}.

## Training

{training}
{prior}
## Figures

{figures}

## Limits

It has seen the training images of {dataset} alone, and reconstructs other
images worse than its figures say. bits/dim is an upper bound on -log2 p(x),
with codes counted under a learned prior where the figures name one, else under
a uniform prior.
"""

_TRAINING = """    {command}

Seed {seed}, {seconds:.0f} s of training, best validation at step {step} of
{steps}. The log is in `metrics.jsonl` beside this file."""

_NO_TRAINING = """Weights that a `vqvae_tf.keras.VQVAE` held, whose user knows
how they were trained. Of the configuration networks, quantizer and likelihood
count."""

_NO_FIGURES = 'none yet: run bin/evaluate before bin/export'


_AUTOREGRESSIVE = """

The decoder is autoregressive: `decode` and `reconstruct` take a seed and draw
samples, which never see the image; `nll` is teacher-forced."""


_PRIOR = """
## Prior

    {command}

A {network} over the codes, {given}.
Parameters: {parameters}.

It draws `num` images, others for each `seed`:

    model = tf.saved_model.load(FOLDER)
    images = model.sample(tf.constant(num), tf.constant([0, seed]))['images']

By name, as tensors: `label` {labels}, `temperature`, `top_p`, and codes
to keep, `given` where `mask` is true. `model.signatures['sample']` needs all of
them. `prior_nll` takes codes{and_labels} to the bits of each.

```
{table}
```
"""


def text(run: Run, version: str) -> str:
  """Returns the card as Markdown.

  Args:
    run: what is exported, and with it its prior, if it has one.
    version: of vqvae_tf.
  """
  splits, _ = results.of_best(run)
  tables = '\n\n'.join(
    f'{split} split\n\n```\n{_table(values)}\n```'
    for split, values in splits.items()
  )
  training = _TRAINING.format(
    command=configs.command(run.config),
    seed=run.config.optimizer.seed,
    seconds=run.state.seconds,
    step=run.step,
    steps=run.config.run.steps,
  )
  figures = f'As `bin/evaluate` printed them:\n\n{tables}'
  return _head(run.config, splits) + _body(
    run.config,
    run.model,
    version,
    training,
    figures if splits else _NO_FIGURES,
    _prior(run.prior) if run.prior else '',
  )


def of_weights(config: configs.Config, model: VQVAE, version: str) -> str:
  """Returns the card of a model of which nothing but its weights is known."""
  body = _body(config, model, version, _NO_TRAINING, _NO_FIGURES)
  return _head(config, {}) + body


def _head(config, splits):
  """Returns the front matter, YAML."""
  dataset = config.data.dataset
  listed = '\n'.join(
    _SPLIT.format(
      dataset=dataset, split=split, bits_per_dim=values['bits_per_dim']
    )
    for split, values in splits.items()
    if values['bits_per_dim'] is not None
  )
  known = _RESULTS.format(dataset=dataset, splits=listed) if listed else ''
  return _HEAD.format(dataset=dataset, results=known)


def _body(config, model, version, training, figures, prior=''):
  known = traits(model)
  return _TEMPLATE.format(
    dataset=config.data.dataset,
    decoder=_AUTOREGRESSIVE if known.is_sampled else '',
    shape=list(config.example_shape),
    grid=list(known.code_shape),
    sizes=_sizes(known.codebook_sizes),
    parameters=parameters.of_model(model),
    version=version,
    training=training,
    prior=prior,
    figures=figures,
  )


def _sizes(codebook_sizes):
  """Returns K, or the K of each codebook where they differ."""
  return ', '.join(map(str, dict.fromkeys(codebook_sizes)))


def _prior(prior):
  config, count = prior.config, prior.config.num_classes
  return _PRIOR.format(
    command=configs.command(config, 'bin/prior'),
    network=config.network.network,
    given='given the class' if count else 'which is given no class',
    parameters=parameters.of_prior(prior.model),
    labels=f'(0..{count - 1}, or -1: drawn)' if count else '(-1)',
    and_labels=' and labels' if count else '',
    table=measuring.table(prior.standing, config),
  )


def _table(values):
  return table.table(*results.parsed(values))
