"""bin/decompress: a file back to its images."""

import time
from pathlib import Path

from absl import flags

from vqvae_tf.commands import cli
from vqvae_tf.errors import UserError

_USAGE = """Takes a file that bin/compress wrote back to its images.

  bin/decompress --model=assets/models/cifar10 --input=cifar10.vqz \\
    --output=FOLDER
  bin/decompress --model=EXPORT --input=photos.vqz --first=7 --count=1 \\
    --output=FOLDER

Writes 000000.png, 000001.png and so on, by the number of an image in the file.
The export must be the one that wrote the file, whose fingerprint is in it. It
takes NumPy alone: TensorFlow is loaded for files of --lossy, and for an export
that was made without the integers of its weights.
"""


def main() -> None:
  """Runs the executable."""
  cli.define_model_flag(', that wrote the file')
  flags.DEFINE_string('input', None, 'file that bin/compress wrote')
  flags.DEFINE_string('output', None, 'folder to write the images into')
  flags.DEFINE_integer('first', 0, 'number of the first image', 0)
  flags.DEFINE_integer('count', None, 'how many (default: all that follow)', 1)
  flags.DEFINE_bool('overwrite', False, 'write into a folder that has files')
  cli.run(_decompress, _USAGE)


def _decompress() -> None:
  args = flags.FLAGS
  if not (args.model and args.input and args.output):
    raise UserError('give --model=EXPORT, --input=FILE and --output=FOLDER')
  output = Path(args.output)
  if not args.overwrite and output.is_dir() and any(output.iterdir()):
    raise UserError(
      f'{output} has files already: name another folder, or give --overwrite'
    )
  from vqvae_tf import files
  from vqvae_tf.media import image_files
  from vqvae_tf.serving import Codec, shipped
  from vqvae_tf.serving.codec import PLACE

  data = files.mapped(Path(args.input))
  if not (shipped.find(args.model) / PLACE).exists():
    cli.load_tensorflow()
  codec = Codec(args.model)
  if codec.is_lossy(data):
    cli.load_tensorflow()
  total = codec.num_images(data)
  count = total - args.first if args.count is None else args.count
  if not 0 < count <= total - args.first:
    raise UserError(
      f'{args.input} has {total} images: there are not {count} from '
      f'--first={args.first} on'
    )
  start = time.monotonic()
  with files.bar(count, 'decompressing') as bar:
    images = codec.images(data, args.first, count)
    for number, image in enumerate(images, args.first):
      with files.written(output / f'{number:06}.png') as aside:
        aside.write_bytes(image_files.png(image))
      bar.update()
  each = 1000 * (time.monotonic() - start) / count
  print(f'written: {count} images into {output}, {each:.1f} ms per image')
