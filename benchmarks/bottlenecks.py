"""The quantizers compared: one network, one budget, equal code bits.

  python benchmarks/bottlenecks.py --data_dir=data/cifar10

trains the CIFAR-10 preset's network once per quantizer and seed, evaluates it
on the test split, and prints a table; every position of the 16x16 codes has 12
bits. A run that was cut off goes on; one that is in the CSV of `assets/` is not
repeated; `--members` trains a part. `--time` times the training steps instead,
all quantizers in turn; the table shows what it left.
"""

import argparse
import json
import statistics
from pathlib import Path

import rounds
import tensorflow as tf
import trained

from vqvae_tf import build, configs
from vqvae_tf.configs import presets
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.training.step import Trainer

MEMBERS = {
  'ema': {'num_embeddings': 4096},
  'ema, rotation trick': {'num_embeddings': 4096, 'estimator': 'rotation'},
  'gradient': {'quantizer': 'gradient', 'num_embeddings': 4096},
  'product, 2 x 64': {
    'quantizer': 'product',
    'num_embeddings': 64,
    'num_codebooks': 2,
  },
  'residual, 2 x 64': {
    'quantizer': 'residual',
    'num_embeddings': 64,
    'num_codebooks': 2,
  },
  'finite scalar, 8 x 8 x 8 x 8': {
    'quantizer': 'finite_scalar',
    'levels': '8,8,8,8',
  },
  'lookup-free': {'quantizer': 'lookup_free', 'num_embeddings': 4096},
  'cosine, 8 dimensions': {'quantizer': 'cosine', 'num_embeddings': 4096},
}
STEPS = 7_000
STEPS_PER_ROUND = 4
COLUMNS = ('bits_per_dim', 'psnr_db', 'codes_in_use', 'perplexity')
ASSETS = Path(__file__).parents[1] / 'assets' / 'benchmarks'
CSV = ASSETS / 'bottlenecks.csv'
TIME_CSV = ASSETS / 'bottlenecks_time.csv'


def member_config(member: str, seed: int, steps: int) -> configs.Config:
  """Returns the configuration of one run."""
  return configs.replace(
    presets.named('cifar10').config,
    seed=seed,
    steps=steps,
    decay_steps=steps,
    **MEMBERS[member],
  )


def measured(
  member: str, seed: int, steps: int, arguments: argparse.Namespace
) -> dict:
  """Trains and evaluates; returns the row of the CSV."""
  name = member.replace(',', '').replace(' ', '_')
  workdir = Workdir(arguments.runs / f'{name}-{seed}')
  config = member_config(member, seed, steps)
  test = trained.test_metrics(config, workdir, arguments.data_dir)
  minutes = workdir.last_state().seconds / 60
  row = {'quantizer': member, 'seed': seed, 'steps': steps}
  row |= {'minutes': round(minutes, 1)}
  return row | {column: round(test[column], 5) for column in COLUMNS}


def known(steps: int) -> dict[tuple[str, int], dict]:
  """Returns the rows of the CSV that belong to the budget, by run."""
  rows = [
    {k: v if k == 'quantizer' else json.loads(v) for k, v in row.items()}
    for row in rounds.read_csv(CSV)
  ]
  return {
    (row['quantizer'], int(row['seed'])): row
    for row in rows
    if row['steps'] == steps
  }


def table(rows: list[dict]) -> str:
  """Returns Markdown: mean over seeds, and half the spread behind it."""
  times = {
    row['quantizer']: row['milliseconds'] for row in rounds.read_csv(TIME_CSV)
  }
  lines = [
    '| quantizer | seeds | bits/dim | PSNR, dB | in use, % | perplexity '
    '| ms per step |',
    '|-|-|-|-|-|-|-|',
  ]
  for member in MEMBERS:
    own = [row for row in rows if row['quantizer'] == member]
    if not own:
      continue
    cells = [
      _spread([row[name] * scale for row in own], digits)
      for name, scale, digits in zip(
        COLUMNS, (1, 1, 100, 1), (3, 2, 1, 0), strict=True
      )
    ]
    milliseconds = times.get(member)
    cells.append(f'{float(milliseconds):.0f}' if milliseconds else '')
    lines.append(f'| {member} | {len(own)} | {" | ".join(cells)} |')
  return '\n'.join(lines)


def _spread(values, digits):
  mean = statistics.mean(values)
  half = (max(values) - min(values)) / 2
  return f'{mean:,.{digits}f} ± {half:.{digits}f}'


def prepare_step(member: str, batch_size: int = 32):
  """Returns a function that takes training steps on noise."""
  config = member_config(member, 0, STEPS)
  shape = (32, 32, 3)
  config = configs.observed(config, shape, ())
  images = tf.cast(
    tf.random.uniform([batch_size, *shape], 0, 256, tf.int32, seed=0), tf.uint8
  )
  model = build.model(config)
  model.assess(images)
  trainer = Trainer(model, config.optimizer)
  batches = iter(tf.data.Dataset.from_tensors(images).repeat())
  return lambda: trainer.run(batches, tf.constant(STEPS_PER_ROUND))


def time_steps(num_rounds: int) -> None:
  """Prints and writes the time of a step of each, against `ema`.

  The note of one that fails says how; without `ema` there are no ratios.
  """
  peers = [rounds.Peer(name, ['--serve', name]) for name in MEMBERS]
  rows = [
    {
      'quantizer': row['peer'],
      'milliseconds': _rounded(row['seconds'], 1000 / STEPS_PER_ROUND),
      'ratio': _rounded(row['ratio']),
      'note': row['note'],
    }
    for row in rounds.compare(peers, num_rounds)
  ]
  print('| quantizer | ms per step | of the time of ema | note |\n|-|-|-|-|')
  for row in rows:
    shown = ('' if value is None else value for value in row.values())
    print('|', ' | '.join(map(str, shown)), '|')
  rounds.write_csv(TIME_CSV, rows)


def _rounded(value, factor=1):
  return None if value is None else round(value * factor, 3)


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--data_dir', default='data/cifar10')
  parser.add_argument('--runs', type=Path, default=Path('runs/bottlenecks'))
  parser.add_argument('--members', nargs='*', default=list(MEMBERS))
  parser.add_argument('--seeds', type=int, default=2)
  parser.add_argument('--steps', type=int, default=STEPS)
  parser.add_argument('--rounds', type=int, default=15, help='of --time')
  parser.add_argument('--time', action='store_true')
  parser.add_argument('--serve', help=argparse.SUPPRESS)
  arguments = parser.parse_args()
  if arguments.serve:
    rounds.serve(lambda: prepare_step(arguments.serve))
    return
  if arguments.time:
    time_steps(arguments.rounds)
    return
  for seed in range(arguments.seeds):
    for member in arguments.members:
      rows = known(arguments.steps)
      if (member, seed) not in rows:
        row = measured(member, seed, arguments.steps, arguments)
        rows = known(arguments.steps) | {(member, seed): row}
        rounds.write_csv(CSV, list(rows.values()))
  print(table(list(known(arguments.steps).values())))


if __name__ == '__main__':
  main()
