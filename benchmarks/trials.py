"""What was tried: the validation curves of several runs as one CSV.

  python benchmarks/trials.py runs/a runs/b --csv=assets/experiments/cifar10.csv

A row per run and validation: the command that trains it, the step, the images
seen, and bits/dim. Runs that the CSV holds already are replaced, others stay.
"""

import argparse
import json
from pathlib import Path

import rounds

from vqvae_tf import configs
from vqvae_tf.runs.workdir import Workdir

COLUMNS = ('bits_per_dim', 'pixel_bits_per_dim', 'code_bits_per_dim', 'psnr_db')


def curve(workdir: Workdir) -> list[dict]:
  """Returns the rows of a run, in the order of its steps."""
  config = workdir.load_config()
  entries = map(json.loads, workdir.metrics_path.read_text().splitlines())
  return [
    {
      'trial': workdir.path.name,
      'command': configs.command(config),
      'step': entry['step'],
      'images': entry['step'] * config.optimizer.batch_size,
      **{column: entry.get(column) for column in COLUMNS},
    }
    for entry in entries
    if entry['group'] == 'validation'
  ]


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('workdirs', type=Path, nargs='+')
  parser.add_argument('--csv', type=Path, required=True)
  arguments = parser.parse_args()
  names = {path.name for path in arguments.workdirs}
  known = rounds.read_csv(arguments.csv)
  rows = [row for row in known if row['trial'] not in names]
  for path in arguments.workdirs:
    rows += curve(Workdir(path))
  rounds.write_csv(arguments.csv, rows)


if __name__ == '__main__':
  main()
