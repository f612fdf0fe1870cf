"""Files of the models that ship: sizes beside the likelihood, speed, memory.

  python benchmarks/codec.py cifar10 data/cifar10
  python benchmarks/codec.py mnist_autoregressive data/mnist --images=100
  python benchmarks/codec.py cifar10 data/kodak --photos=1

Of the whole test split: bits/dim under the model, the label summed over, as the
model's card has it, and in one file, written with the labels. Of the first
--images: the same, also in a file of which each image is read alone; both files
are read again. Of 64
images, each in a lane of its own: seconds to compress and to decompress, the
latter by a process that has NumPy alone, and its memory. Of a model with a
mean: what codes alone cost and show, beside lossy WebP of the same images. The
rows of other models in the CSVs stay. With --photos the folder is one of image
files, of which the first are compressed in tiles, beside PNG, WebP and JPEG XL.
"""

import argparse
import io
import json
import math
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rounds
from PIL import Image

from vqvae_tf import datasets
from vqvae_tf.evaluation import round_trip
from vqvae_tf.exact import model as exact
from vqvae_tf.media import decoding, image_files
from vqvae_tf.serving import Codec, load
from vqvae_tf.serving.codec import PLACE

ASSETS = Path(__file__).parents[1] / 'assets'
CSV = ASSETS / 'benchmarks' / 'codec.csv'
LOSSY_CSV = ASSETS / 'benchmarks' / 'codec_lossy.csv'
PHOTOS_CSV = ASSETS / 'benchmarks' / 'codec_photos.csv'
BATCH, ROUNDS = 64, 3

# In a process of its own, whose memory is that of reading.
READ = r"""
import json, re, sys, time
from vqvae_tf.serving import Codec
codec, data = Codec(sys.argv[1]), open(sys.argv[2], 'rb').read()
codec.decompress(data, 0, 1)
seconds = []
for _ in range(int(sys.argv[3])):
  start = time.perf_counter()
  codec.decompress(data)
  seconds.append(time.perf_counter() - start)
assert 'tensorflow' not in sys.modules
# `getrusage` would count what the parent had.
peak = int(re.search(r'VmHWM:\s+(\d+)', open('/proc/self/status').read())[1])
print(json.dumps({'seconds': min(seconds), 'mebibytes': peak / 1024}))
"""


def nll(subject, batches):
  """Returns -log2 p(x | z) - log2 p(z) of images, in bits per dimension."""
  bits = numbers = 0
  for images, _ in batches:
    found = subject.assess(images)
    cost = subject.prior.cost(np.asarray(found.codes))
    bits += float(np.sum(found.pixel_bits)) + float(np.sum(cost.marginal))
    numbers += images.size
  return bits / numbers


def written(codec, batches, random_access=False):
  """Returns the file of images, and its bits per dimension."""
  file, numbers = io.BytesIO(), 0

  def counted():
    nonlocal numbers
    for images, labels in batches:
      yield images, labels
      numbers += images.size

  codec.compress_to(file, counted(), random_access)
  return file.getvalue(), 8 * file.tell() / numbers


def lossless(codec, subject, whole, read):
  """Returns sizes of files beside the likelihood.

  Args:
    codec: of the model.
    subject: the model.
    whole: yields batches of the images, whose likelihood the model's card has.
    read: yields those of the first ones, of which files are read again.
  """
  known = load.read_metadata(subject.origin)['metrics']['test']
  promised = known['bits_per_dim']
  _, size = written(codec, whole())
  row = {
    'nll_bits_per_dim': round(promised, 5),
    'file_bits_per_dim': round(size, 5),
    'file_over_nll_percent': round(100 * (size / promised - 1), 4),
  }
  promised = nll(subject, read())
  for name, random_access in (('solid', False), ('random_access', True)):
    data, size = written(codec, read(), random_access)
    row[f'{name}_over_nll_percent'] = round(100 * (size / promised - 1), 4)
    again = codec.images(data)
    for images, _ in read():
      for image in images:
        assert (next(again) == image).all()
  return row


def speed(path, codec, images, labels):
  """Returns milliseconds per image of a batch, and MiB of reading."""
  seconds = []
  for _ in range(1 + ROUNDS):
    start = time.perf_counter()
    data = codec.compress(images, labels, random_access=True)
    seconds.append(time.perf_counter() - start)
  start = time.perf_counter()
  codec.compress(images)
  unlabelled = time.perf_counter() - start
  with tempfile.TemporaryDirectory() as folder:
    # Of an export the integers are all that reading takes.
    place = Path(folder) / PLACE
    place.parent.mkdir()
    if (Path(path) / PLACE).exists():
      shutil.copy(Path(path) / PLACE, place)
    else:
      exact.write(place, *load.integers_of(path))
    file = Path(folder) / 'file'
    file.write_bytes(data)
    ended = subprocess.run(
      [sys.executable, '-c', READ, folder, str(file), str(ROUNDS)],
      capture_output=True,
      text=True,
      check=True,
    )
  found = json.loads(ended.stdout)
  each = 1000 / len(images)
  return {
    'compress_ms': round(each * min(seconds[1:]), 1),
    'compress_without_labels_ms': round(each * unlabelled, 1),
    'decompress_ms': round(each * found['seconds'], 1),
    'decompress_mib': round(found['mebibytes']),
  }


def decibels(images, others):
  mse = np.mean((images.astype(np.float64) - others) ** 2)
  return 10 * math.log10(255**2 / mse)


def lossy(codec, batches):
  """Yields rows of codes alone, and of WebP at the nearest sizes."""
  images = np.concatenate([images for images, _ in batches()])
  file = io.BytesIO()
  codec.compress_to(file, batches(), lossy=True)
  shown = codec.decompress(file.getvalue())
  size = file.tell() / len(images)
  yield {'format': 'codes', 'bytes': size, 'psnr_db': decibels(images, shown)}
  for quality in (0, 1, 2, 5, 10, 15, 20, 30, 40, 50, 60, 70, 80):
    sizes, others = [], []
    for image in images:
      buffer = io.BytesIO()
      grey = image.shape[-1] == 1
      Image.fromarray(image[..., 0] if grey else image).save(
        buffer, 'WEBP', quality=quality, method=6
      )
      sizes.append(buffer.tell())
      read = np.asarray(Image.open(buffer).convert('L' if grey else 'RGB'))
      others.append(read.reshape(image.shape))
    yield {
      'format': f'webp {quality}',
      'bytes': np.mean(sizes),
      'psnr_db': decibels(images, np.stack(others)),
    }


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('model', help='name of a model that ships')
  parser.add_argument('data_dir')
  parser.add_argument('--images', type=int, default=300)
  parser.add_argument('--photos', type=int, help='images of a folder, instead')
  arguments = parser.parse_args()
  path = ASSETS / 'models' / arguments.model
  codec, subject = Codec(path), load.from_export(path)
  if arguments.photos:
    row = photos(codec, arguments.data_dir, arguments.photos)
    row = {'model': arguments.model, **row}
    keep(PHOTOS_CSV, arguments.model, [row])
    print(json.dumps(row, indent=2))
    return
  config = subject.config
  data = datasets.open_source(
    config.data.dataset, 'test', arguments.data_dir, None
  )

  def batches(limit=None):
    return round_trip.labelled(data, config.class_names, limit)

  def some():
    return batches(arguments.images)

  images, labels = next(batches(BATCH))
  row = {
    'model': arguments.model,
    'images': data.num_examples,
    'read': arguments.images,
    **speed(path, codec, images, labels),
    **lossless(codec, subject, batches, some),
  }
  keep(CSV, arguments.model, [row])
  print(json.dumps(row, indent=2))
  if not config.likelihood.is_autoregressive:
    rows = [
      {
        'model': arguments.model,
        'images': arguments.images,
        'format': row['format'],
        'bytes': round(row['bytes'], 1),
        'psnr_db': round(row['psnr_db'], 2),
      }
      for row in lossy(codec, some)
    ]
    keep(LOSSY_CSV, arguments.model, rows)
    print(json.dumps(rows, indent=2))


def photos(codec, folder, count):
  """Returns bits/dim of photographs: ours, read again, and other files."""
  paths = image_files.find([Path(folder)])[:count]
  images = [decoding.decode(path) for path in paths]
  numbers = sum(image.size for image in images)
  start = time.perf_counter()
  data = codec.compress(images)
  seconds = time.perf_counter() - start
  for image, again in zip(images, codec.images(data), strict=True):
    assert (image == again).all()
  # One batch each, as they may be of several sizes.
  others = [image_files.bits_per_dim([image[np.newaxis]]) for image in images]
  sizes = [image.size for image in images]
  row = {'images': len(images), 'vqz': 8 * len(data) / numbers}
  for name in others[0]:
    row[name] = np.average([own[name] for own in others], weights=sizes)
  row = {name: round(float(value), 4) for name, value in row.items()}
  return {**row, 'seconds_per_image': round(seconds / len(images), 1)}


def keep(path, model, rows):
  """Writes the rows of a model in place of those that there are."""
  others = [row for row in rounds.read_csv(path) if row['model'] != model]
  rounds.write_csv(path, others + rows)


if __name__ == '__main__':
  main()
