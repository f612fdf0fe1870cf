"""bin/visualize: pictures and films of a trained model."""

from pathlib import Path

from absl import flags

from vqvae_tf.commands import cli
from vqvae_tf.datasets import names as data_names
from vqvae_tf.errors import UserError
from vqvae_tf.visualization import names

_USAGE = """Draws what a trained model knows: PNG, GIF, and MP4 where ffmpeg is.

  bin/visualize --workdir=runs/mnist
  bin/visualize --model=assets/models/mnist --output=pictures --only=codes,walk

--list says what there is; without --only all of it is drawn. Samples and the
walk that is not blind need a prior (bin/prior).
"""


def main() -> None:
  """Runs the executable."""
  cli.define_subject_flags()
  flags.DEFINE_list('only', None, f'pictures, of {", ".join(names.PICTURES)}')
  flags.DEFINE_bool('list', False, 'say what the pictures show and stop')
  flags.DEFINE_enum('split', 'test', data_names.SPLITS, 'part of the data')
  flags.DEFINE_integer(
    'seed', 0, 'of the images and of all random moves', 0, 2**31 - 1
  )
  flags.DEFINE_integer(
    'frames',
    None,
    'of walks (default: 1000; 100 of an autoregressive decoder)',
    lower_bound=1,
    upper_bound=100_000,
  )
  flags.DEFINE_string('output', None, 'folder (default: WORKDIR/pictures)')
  cli.run(_visualize, _USAGE)


def _visualize() -> None:
  args = flags.FLAGS
  if args.list:
    print(names.listed())
    return
  if args.model and not args.output:
    raise UserError('give --output=FOLDER for the pictures of an export')
  chosen = names.chosen(args.only, bool(args.workdir))
  subject = cli.open_subject()
  data = None
  if names.needs_data(chosen):
    data = cli.open_data(subject.config.data, args.split)
  from vqvae_tf.runs.workdir import Workdir
  from vqvae_tf.visualization import gallery, material

  workdir = Workdir(args.workdir) if args.workdir else None
  folder = Path(args.output or Path(args.workdir) / 'pictures')
  made_of = material.Material(subject, data, workdir, args.seed, args.frames)
  for line in gallery.draw(chosen, made_of, folder):
    print(line, flush=True)
