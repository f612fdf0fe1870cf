"""bin/compress: images to a file that a trained model reads."""

import time
from pathlib import Path

from absl import flags

from vqvae_tf.commands import cli
from vqvae_tf.datasets import names
from vqvae_tf.errors import UserError

_USAGE = """Compresses images with an export, without loss, into one file.

  bin/compress --model=assets/models/cifar10 --data_dir=FOLDER --limit=1000 \\
    --output=cifar10.vqz
  bin/compress --model=EXPORT --input=FOLDER_OR_IMAGE,.. --output=photos.vqz

The images are those of a split of the model's data set, or of image files, in
the order of their names; images of another size than the model's are cut into
tiles. bin/decompress takes the file back to the images, on any machine, with
the same export. --lossy keeps the codes alone, of which the decoder makes a
copy; --random_access lets each image be read without the others.
"""


def main() -> None:
  """Runs the executable."""
  cli.define_model_flag('')
  flags.DEFINE_string('data_dir', None, "folder of the data (the model's own)")
  flags.DEFINE_enum('split', 'test', names.SPLITS, 'part of the data')
  flags.DEFINE_integer('limit', None, 'of the first so many images', 1)
  flags.DEFINE_list('input', None, 'image files, and folders of them, instead')
  flags.DEFINE_string('output', None, 'file to make')
  flags.DEFINE_bool('lossy', False, 'keep the codes alone')
  flags.DEFINE_bool('random_access', False, 'about 8 bytes more per image')
  flags.DEFINE_bool('overwrite', False, 'replace an existing file')
  cli.run(_compress, _USAGE)


def _compress() -> None:
  args = flags.FLAGS
  if not args.model or not args.output:
    raise UserError('give --model=EXPORT and --output=FILE')
  if args.input and (args.data_dir or args['split'].present):
    raise UserError(
      '--data_dir and --split are for the data set of the model: leave them '
      'out beside --input'
    )
  output = Path(args.output)
  if output.exists() and not args.overwrite:
    raise UserError(f'{output} exists already: give --overwrite to replace it')
  cli.load_tensorflow()
  from vqvae_tf import files
  from vqvae_tf.serving import Codec

  cli.note_unchecked(args.model)
  codec = Codec(args.model)
  total, batches = _of_files(codec) if args.input else _of_data()
  counted = _Counted(batches, total)
  with files.written(output) as aside, open(aside, 'wb') as file:
    codec.compress_to(file, counted, args.random_access, args.lossy)
  print(_summary(output, counted))


class _Counted:
  """Batches, with a bar on a terminal, and what there was of them."""

  def __init__(self, batches, total):
    self._batches, self._total = batches, total
    self.images = self.numbers = 0
    self.start = time.monotonic()

  def __iter__(self):
    from vqvae_tf import files

    with files.bar(self._total, 'compressing') as bar:
      for images, labels in self._batches:
        # The bar moves on when the images are done with.
        yield images, labels
        self.images += len(images)
        self.numbers += sum(image.size for image in images)
        bar.update(len(images))


def _of_data():
  """Returns how many images there are of a split, and batches of them."""
  args = flags.FLAGS
  from vqvae_tf.evaluation import round_trip
  from vqvae_tf.serving import load

  config = load.read_config(args.model)
  data = cli.open_source(config.data, args.split, args.data_dir)
  config.check_shape(args.model, data.name, data.example_shape)
  total = min(data.num_examples, args.limit or data.num_examples)
  return total, round_trip.labelled(data, config.class_names, total)


def _of_files(codec):
  """Returns how many image files there are, and batches of one each."""
  from vqvae_tf.media import decoding, image_files

  paths = image_files.find(map(Path, flags.FLAGS.input))[: flags.FLAGS.limit]
  channels = codec.example_shape[-1]

  def batches():
    for path in paths:
      try:
        image = decoding.decode(path)
      except ValueError as error:
        raise UserError(str(error)) from error
      if channels == 1:
        if (image != image[..., :1]).any():
          raise UserError(
            f'{path} has colours, and the model is of grey images: give grey '
            'ones, or a model of colours'
          )
        image = image[..., :1]
      yield [image], None

  return len(paths), batches()


def _summary(output, counted):
  """Returns the closing line."""
  from vqvae_tf.serving import load

  seconds = time.monotonic() - counted.start
  size = output.stat().st_size
  line = (
    f'written: {output}, {counted.images} images, {size} bytes, '
    f'{8 * size / counted.numbers:.4f} bits/dim, '
    f'{1000 * seconds / counted.images:.1f} ms per image'
  )
  known = load.read_metadata(flags.FLAGS.model)['metrics'].get('test')
  if known and not flags.FLAGS.lossy:
    line += (
      f"\nthe model's own bits/dim, of its whole test split: "
      f'{known["bits_per_dim"]:.4f}'
    )
  return line
