"""bin/train: trains a VQ-VAE, or goes on where a run stopped."""

from absl import flags

from vqvae_tf import configs
from vqvae_tf.commands import cli
from vqvae_tf.configs import presets

_USAGE = """Trains a VQ-VAE; the same command goes on where a run stopped.

  {name} --workdir=runs/mine --data_dir=FOLDER --steps=20000

Flags that are not given are as in --preset={preset}:
{source}.

The workdir holds config.json, data.json (which data it was), metrics.jsonl,
checkpoints/ (last and best) and tensorboard/. It goes on with the same data
alone, unless --allow_other_data is given. --init_from starts from the weights
of another model. Evaluate it with bin/evaluate, export it with bin/export.
"""


def main(name: str = 'bin/train', preset: str = 'default') -> None:
  """Runs the executable `name` with a preset as its default."""
  cli.define_preset_flags(preset)
  flags.DEFINE_string(
    'workdir', None, 'folder of the run (default: runs/ and the preset)'
  )
  flags.DEFINE_string(
    'init_from', None, 'run or export whose weights training starts from'
  )
  cli.define_allow_other_data()
  source = presets.named(preset).source
  cli.run(_train, _USAGE.format(name=name, preset=preset, source=source))


def _train() -> int:
  if flags.FLAGS.list_presets:
    print(cli.list_presets())
    return 0
  config = cli.preset_from_flags()
  path = flags.FLAGS.workdir or f'runs/{flags.FLAGS.preset}'
  args = flags.FLAGS
  return train(config, path, args.allow_other_data, args.init_from)


def train(
  config: configs.Config,
  path: str,
  allow_other_data: bool = False,
  init_from: str = '',
) -> int:
  """Trains in a workdir; returns the exit status (130 if stopped)."""
  devices = cli.load_tensorflow(lambda: _devices(config))
  from vqvae_tf.serving import train as training

  sources = training.open_both(config.data)
  if init_from:
    cli.note_unchecked(init_from)
  state = training.run(
    config, path, sources, devices, allow_other_data, init_from
  )
  if state.step < config.run.steps:
    return cli.INTERRUPTED
  if not devices.is_chief:
    return 0
  print(
    f'{state.step} steps in {state.seconds:.0f} s, best at step '
    f'{state.best_step}: {state.best_bits_per_dim:.4f} bits/dim on the '
    f'validation split\nnext: bin/evaluate --workdir={path}'
  )
  return 0


def _devices(config):
  from vqvae_tf.training import devices

  return devices.devices(config.run.distribute)
