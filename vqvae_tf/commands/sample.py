"""bin/sample: images that the prior makes up, or completes."""

import math
from pathlib import Path

from absl import flags

from vqvae_tf.commands import cli
from vqvae_tf.datasets.names import SOUNDS
from vqvae_tf.errors import UserError

_USAGE = """Draws codes from the prior of a model, and decodes them.

  bin/sample --workdir=runs/mnist --num=64 --label=3
  bin/sample --model=EXPORT --image=FILE --keep=left --output=completed

Writes grid.png, images/ (of sounds sounds/ alone) and codes.npz, in place of
those of an earlier call.
--keep names the part of an image whose codes stay. A workdir and its export
draw the same images of the same seed.
"""


def main() -> None:
  """Runs the executable."""
  cli.define_subject_flags()
  flags.DEFINE_integer('num', 64, 'how many images', 1, 1_000_000)
  flags.DEFINE_string('label', None, 'class, or its number (default: each)')
  flags.DEFINE_float('temperature', 1.0, 'below 1: likelier codes', 0, 1e6)
  flags.DEFINE_float('top_p', 1.0, 'mass of the likeliest codes', 1e-6, 1.0)
  for name in ('temperature', 'top_p'):
    # No bound excludes it.
    flags.register_validator(
      name, lambda value: not math.isnan(value), 'nan is no number'
    )
  flags.DEFINE_integer('seed', 0, 'of all that is drawn', 0, 2**31 - 1)
  flags.DEFINE_string('image', None, 'file of an image to complete')
  flags.DEFINE_integer('index', None, 'image of the test split to complete', 0)
  keep = 'left, right, top, bottom or x0,y0,x1,y1 in pixels'
  flags.DEFINE_string('keep', None, keep)
  flags.DEFINE_string('output', None, 'folder (default: WORKDIR/samples)')
  cli.run(_sample, _USAGE)


def _sample() -> None:
  args = flags.FLAGS
  if args.model and not args.output:
    raise UserError('give --output=FOLDER for the samples of an export')
  given = [args.image, args.index].count(None) == 1
  if given != (args.keep is not None) or None not in (args.image, args.index):
    raise UserError('to complete an image give --keep and --image or --index')
  subject = cli.open_subject()
  from vqvae_tf.sampling import complete, draw, folder

  is_sound = subject.config.data.dataset in SOUNDS
  if not is_sound or args.keep is not None:
    _check_images(subject)
  classes, kept = draw.labels(subject, args.label), None
  config, output = subject.config, args.output or f'{args.workdir}/samples'
  if args.image is not None:
    image = complete.read_image(args.image, config.example_shape)
  elif args.index is not None:
    data = cli.open_data(config.data, 'test')
    image = complete.pick_image(data, args.index)
  if args.keep is not None:
    kept = complete.keep(subject, image, args.keep)
  settings = args.seed, args.temperature, args.top_p, kept
  draws = draw.draw(subject, args.num, classes, *settings)
  if is_sound:
    written = folder.write_sounds(Path(output), draws, config.data.rate)
  else:
    grid = folder.picture(draws, config.class_names, kept)
    written = folder.write(Path(output), draws, grid)
  for path in written:
    print(f'written: {path}')


def _check_images(subject) -> None:
  from vqvae_tf.media.images import check_shape

  check_shape(
    subject.config.example_shape,
    'bin/sample',
    'vqvae_tf.sampling.draw.draw gives others as arrays',
  )
