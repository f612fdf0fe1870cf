"""bin/visualize: reconstructions, code maps, code usage, training curves."""

from pathlib import Path

from absl import flags

from vqvae_tf.commands import cli
from vqvae_tf.datasets import names
from vqvae_tf.errors import UserError

_USAGE = """Draws a trained model: reconstructions, code maps, code usage.

  bin/visualize --workdir=runs/mnist
  bin/visualize --model=assets/models/mnist --output=pictures

PNG files; with --workdir also the curves of training.
"""


def main() -> None:
  """Runs the executable."""
  cli.define_subject_flags()
  flags.DEFINE_enum('split', 'test', names.SPLITS, 'part of the data')
  flags.DEFINE_string('output', None, 'folder (default: WORKDIR/pictures)')
  cli.run(_visualize, _USAGE)


def _visualize() -> None:
  args = flags.FLAGS
  if args.model and not args.output:
    raise UserError('give --output=FOLDER for the pictures of an export')
  subject = cli.open_subject()
  data = cli.open_source(subject.config.data, args.split, args.data_dir)
  from vqvae_tf import checkpoints, visualization

  folder = Path(args.output or Path(args.workdir) / 'pictures')
  paths = visualization.draw_all(subject, data, folder)
  if args.workdir:
    workdir = checkpoints.Workdir(args.workdir)
    paths += visualization.draw_curves(workdir, folder)
  for path in paths:
    print(f'drawn: {path}')
