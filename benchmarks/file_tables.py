"""The tables of files: what they take, show and survive; see `tables.py`."""

import numpy as np
from measured import read, table

_DATASETS = {
  'cifar10': 'CIFAR-10',
  'mnist': 'MNIST',
  'fashion_mnist': 'Fashion-MNIST',
}


@table('test split', *_DATASETS.values())
def files_of_ours():
  """Yields files beside what was promised, and codes alone beside WebP."""
  rows = {row['model']: row for row in read('benchmarks/codec.csv')}

  def size(model):
    row = rows[model]
    more = float(row['file_over_nll_percent'])
    return f'{float(row["file_bits_per_dim"]):.4f} ({more:+.2f} %)'

  title = 'one file, bits/dim (over the likelihood)'
  yield [f'{title}, factorized', *map(size, _DATASETS)]
  models = (f'{name}_autoregressive' for name in _DATASETS)
  yield [f'{title}, autoregressive', *map(size, models)]
  beside = _codes_beside_webp()
  yield [
    'codes alone, bytes of an image: PSNR (WebP)',
    *(
      f'{ours[0]:.0f}: {ours[1]:.1f} dB ({webp[0]:.0f}: {webp[1]:.1f} dB)'
      for ours, webp in (beside[name] for name in _DATASETS)
    ),
  ]


@table(
  'test split',
  'nll, bits/dim',
  'file, bits/dim',
  'over nll',
  'each alone, over nll',
  'ms to write (without labels)',
  'ms to read',
  'MiB to read',
)
def codec():
  """Yields what files of the models that ship take."""
  for row in read('benchmarks/codec.csv'):
    nll, size = (float(row[f'{x}_bits_per_dim']) for x in ('nll', 'file'))
    yield [
      row['model'],
      f'{nll:.4f}',
      f'{size:.4f}',
      f'{float(row["file_over_nll_percent"]):+.3f} %',
      f'{float(row["random_access_over_nll_percent"]):+.2f} %',
      f'{row["compress_ms"]} ({row["compress_without_labels_ms"]})',
      row['decompress_ms'],
      row['decompress_mib'],
    ]


def _codes_beside_webp():
  """Returns bytes and decibels of codes alone, and of WebP, by model.

  WebP has as many bytes, or the fewest that it makes of such images.
  """
  found = {}
  for row in read('benchmarks/codec_lossy.csv'):
    point = float(row['bytes']), float(row['psnr_db'])
    found.setdefault(row['model'], []).append(point)
  beside = {}
  for model, (ours, *others) in found.items():
    others.sort()
    size = max(ours[0], others[0][0])
    decibels = np.interp(size, *zip(*others, strict=True))
    beside[model] = ours, (size, decibels)
  return beside


@table('test images', 'bytes', 'PSNR, dB', 'bytes of WebP', 'its PSNR, dB')
def codec_lossy():
  """Yields what codes alone show, beside WebP at equal or fewest bytes."""
  for model, both in _codes_beside_webp().items():
    yield [
      model,
      *(x for size, db in both for x in (f'{size:.0f}', f'{db:.2f}')),
    ]


@table('photographs, bits/dim', 'in tiles, our file', 'PNG', 'WebP, lossless')
def codec_photos():
  """Yields what photographs take in tiles of small models."""
  for row in read('benchmarks/codec_photos.csv'):
    names = ('vqz', 'png', 'webp')
    title = f'{float(row["images"]):.0f} of Kodak, {row["model"]}'
    yield [title, *(f'{float(row[name]):.3f}' for name in names)]


@table('file', 'damages', 'refused', 'unharmed', 'silent', 'traceback', 'hang')
def faults():
  """Yields what became of damaged files: see tests/faults."""
  rows = read('benchmarks/faults.csv')
  total = {'file': '**all**'}
  for name in [name for name in rows[0] if name != 'file']:
    total[name] = sum(int(row[name]) for row in rows)
  for row in [*rows, total]:
    file, *counts = row.values()
    yield [file, *(f'{int(count):,}' for count in counts)]
