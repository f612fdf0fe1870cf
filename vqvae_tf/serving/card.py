"""The model card of an export: what it is, where it comes from, its figures."""

from vqvae_tf import configs
from vqvae_tf.metrics import table
from vqvae_tf.models import parameters, traits
from vqvae_tf.priors import measuring
from vqvae_tf.runs import results
from vqvae_tf.runs.run import Run

_TEMPLATE = """# VQ-VAE on {dataset}

Images uint8 {shape} to codes int32 {grid} out of K = {sizes}, and back.
Made by vqvae_tf {version}; plain TensorFlow loads it.{decoder}

Parameters: {parameters}.

## Training

    {command}

Seed {seed}, {seconds:.0f} s of training, best validation at step {step} of
{steps}. The log is in `metrics.jsonl` beside this file.
{prior}
## Figures

As `bin/evaluate` printed them:

{tables}

## Limits

It has seen the training images of {dataset} alone, and reconstructs other
images worse than its figures say. bits/dim is an upper bound on -log2 p(x),
with codes counted under a learned prior where the figures name one, else under
a uniform prior.
"""


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
  config, known = run.config, traits(run.model)
  splits, _ = results.of_best(run)
  tables = '\n\n'.join(
    f'{split} split\n\n```\n{_table(values)}\n```'
    for split, values in splits.items()
  )
  return _TEMPLATE.format(
    dataset=config.data.dataset,
    decoder=_AUTOREGRESSIVE if known.is_sampled else '',
    shape=list(config.example_shape),
    grid=list(known.code_shape),
    sizes=_sizes(known.codebook_sizes),
    parameters=parameters.of_model(run.model),
    version=version,
    command=configs.command(config),
    seed=config.optimizer.seed,
    seconds=run.state.seconds,
    step=run.step,
    steps=config.run.steps,
    prior=_prior(run.prior) if run.prior else '',
    tables=tables or 'none yet: run bin/evaluate before bin/export',
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
