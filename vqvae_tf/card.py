"""The model card of an export: what it is, where it comes from, its figures."""

from vqvae_tf import code_bits, configs, evaluation, metrics_file
from vqvae_tf.checkpoints import State
from vqvae_tf.configs import PriorConfig

_TEMPLATE = """# VQ-VAE on {dataset}

Images uint8 {shape} to codes int32 {grid} out of K = {sizes}, and back.
Made by vqvae_tf {version}; plain TensorFlow loads it.{decoder}

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

A {network} over the codes, {given}. It draws
`num` images, others for each `seed`:

    model = tf.saved_model.load(FOLDER)
    images = model.sample(tf.constant(num), tf.constant([0, seed]))['images']

By name, as tensors: `label` {labels}, `temperature`, `top_p`, and codes
to keep, `given` where `mask` is true. `model.signatures['sample']` needs all of
them. `prior_nll` takes codes{and_labels} to the bits of each.

```
{table}
```
"""


def text(
  config: configs.Config,
  state: State,
  splits: dict[str, dict],
  version: str,
  grid: list[int],
  prior: PriorConfig | None = None,
  standing: code_bits.Standing | None = None,
) -> str:
  """Returns the card as Markdown.

  Args:
    config: the configuration of the run.
    state: of its best checkpoint, `seconds` of the whole run.
    splits: as `metrics_file.read` returns them.
    version: of vqvae_tf.
    grid: shape [h, w, M] of an image's codes.
    prior: the configuration of the prior over them, if there is one.
    standing: of that prior.
  """
  tables = '\n\n'.join(
    f'{split} split\n\n```\n{_table(values)}\n```'
    for split, values in splits.items()
  )
  return _TEMPLATE.format(
    dataset=config.data.dataset,
    decoder=_AUTOREGRESSIVE
    if config.likelihood.decoder == 'autoregressive'
    else '',
    shape=list(config.example_shape),
    grid=grid,
    sizes=config.quantizer.num_embeddings,
    version=version,
    command=configs.command(config),
    seed=config.optimizer.seed,
    seconds=state.seconds,
    step=state.best_step,
    steps=config.run.steps,
    prior=_prior(prior, standing) if prior else '',
    tables=tables or 'none yet: run bin/evaluate before bin/export',
  )


def _prior(config, standing):
  count = config.num_classes
  return _PRIOR.format(
    command=configs.command(config, 'bin/prior'),
    network=config.network.network,
    given='given the class' if count else 'which is given no class',
    labels=f'(0..{count - 1}, or -1: drawn)' if count else '(-1)',
    and_labels=' and labels' if count else '',
    table=code_bits.table(standing, config),
  )


def _table(values):
  return evaluation.table(*metrics_file.parsed(values))
