"""The tables of what was measured, as `results.py` writes them.

Figures come from the metadata of the models in assets/models/, from
assets/benchmarks/*.csv, which the other benchmarks write, and from
assets/published.csv.
"""

from measured import ROOT, TABLES, model_metadata, read, table

# For `results.py`, which has no use for single tables.
__all__ = ['ROOT', 'TABLES']

_DATASETS = {
  'cifar10': 'CIFAR-10',
  'mnist': 'MNIST',
  'fashion_mnist': 'Fashion-MNIST',
}
_KINDS = ('', '_autoregressive')
# It was trained on a GPU.
_LARGE = 'cifar10_autoregressive_large'
_FORMATS = {
  'png': 'PNG',
  'webp': 'WebP, lossless',
  'jpeg_xl': 'JPEG XL, lossless',
  'bz2': 'bz2',
}


def _models():
  """Yields the name, the title and the metadata of each model."""
  for dataset, title in _DATASETS.items():
    for kind in _KINDS:
      metadata = model_metadata(dataset + kind)
      yield dataset, title + kind.replace('_', ', '), metadata
  title = f'{_DATASETS["cifar10"]}, autoregressive, large'
  yield 'cifar10', title, model_metadata(_LARGE)


def _measured(result):
  return f'{result["bits_per_dim"]:.3f} ± {result["bits_per_dim_error"]:.3f}'


def _uniform(result):
  return result['pixel_bits_per_dim'] + result['code_bits_per_dim']


def _codes(result):
  learned, uniform = (
    result[f'code_bits_{kind}per_dim'] for kind in ('learned_', '')
  )
  return f'{learned:.3f} ({uniform:.3f})'


@table('bits/dim, test split', *_DATASETS.values(), 'what it counts')
def published():
  """Yields our figures among those of others, the largest first."""
  rows = [*_rows_of_files(), *_rows_of_others(), *_rows_of_ours()]
  # The figure of CIFAR-10 is the one that all of them have.
  rows.sort(key=lambda row: float(row[1].strip('*').split()[0]), reverse=True)
  return rows


def _rows_of_files():
  sizes = {
    (row['data'], row['format']): float(row['bits_per_dim'])
    for row in read('benchmarks/files.csv')
  }
  for name, title in _FORMATS.items():
    counts = 'bytes, one file of all' if name == 'bz2' else 'bytes, a file each'
    yield [title, *(f'{sizes[data, name]:.3f}' for data in _DATASETS), counts]


def _rows_of_others():
  for row in read('published.csv'):
    figures = [row[data] or '' for data in _DATASETS]
    counts = row['counts']
    if row['url']:
      counts += f' ([{row["source"]}]({row["url"]}))'
    yield [row['name'], *figures, counts]


def _rows_of_ours():
  for kind in _KINDS:
    results = [
      model_metadata(dataset + kind)['metrics']['test'] for dataset in _DATASETS
    ]
    name = kind.strip('_') or 'factorized'
    learned = [f'**{_measured(result)}**' for result in results]
    yield [
      f'**vqvae_tf, {name}**',
      *learned,
      'pixels and codes, learned p(z)',
    ]
    if not kind:
      uniform = [f'{_uniform(result):.3f}' for result in results]
      yield [f'vqvae_tf, {name}', *uniform, 'pixels and codes, uniform p(z)']
  large = _measured(model_metadata(_LARGE)['metrics']['test'])
  counts = 'pixels and codes, learned p(z); 8 minutes of a GPU'
  yield ['**vqvae_tf, autoregressive, large**', f'**{large}**', '', '', counts]


@table(
  'model',
  'codes',
  'bits/dim',
  'of them pixels',
  'of them codes, learned (uniform) p(z)',
  'PSNR',
  'perplexity',
)
def models():
  """Yields what each model that ships scores on its test split."""
  for _, title, metadata in _models():
    result = metadata['metrics']['test']
    [size] = metadata['codebook_sizes']
    grid = 'x'.join(map(str, metadata['prior']['config']['grid']))
    yield [
      title,
      f'{grid}, K = {size:,}',
      _measured(result),
      f'{result["pixel_bits_per_dim"]:.3f}',
      _codes(result),
      f'{result["psnr_db"]:.2f} dB',
      f'{result["perplexity"]:,.1f}',
    ]


@table('bits/dim', 'training split', 'test split')
def splits():
  """Yields the figures of the training splits that were measured."""
  for _, title, metadata in _models():
    if 'train' not in metadata['metrics']:
      continue
    results = [metadata['metrics'][split] for split in ('train', 'test')]
    if results[0].get('code_bits_learned_per_dim') is None:
      # It was measured before there was a prior.
      title += ', uniform p(z)'
      cells = [_measured(results[0]), f'{_uniform(results[1]):.3f}']
    else:
      cells = map(_measured, results)
    yield [title, *cells]


@table('pixel bits/dim, test split', *_DATASETS.values())
def worth_of_codes():
  """Yields what the codes of the autoregressive models save, and cost."""
  results = [
    model_metadata(f'{dataset}_autoregressive')['metrics']['test']
    for dataset in _DATASETS
  ]

  def row(title, values):
    return [title, *(f'{value:.3f}' for value in values)]

  own = [result['pixel_bits_per_dim'] for result in results]
  codeless = [result['codeless_bits_per_dim'] for result in results]
  costs = [result['code_bits_learned_per_dim'] for result in results]
  yield row("given the image's own codes", own)
  yield row(
    'given the codes of another image',
    [result['shuffled_bits_per_dim'] for result in results],
  )
  yield row('trained without codes, at the same budget', codeless)
  yield [
    'the codes cost, p(z) learned (uniform)',
    *map(_codes, results),
  ]
  saved = [b - a for a, b in zip(own, codeless, strict=True)]
  yield row(
    'a bit of codes saves, under the learned p(z)',
    [a / b for a, b in zip(saved, costs, strict=True)],
  )


@table(
  'bits per code, validation split',
  'codes',
  'uniform',
  'unigram',
  'learned p(z)',
  'p(z given the class)',
)
def priors():
  """Yields what the priors that ship know of the codes."""
  for _, title, metadata in _models():
    prior = metadata['prior']
    standing = prior['validation']
    yield [
      title,
      'x'.join(map(str, prior['config']['grid'])),
      f'{standing["uniform"]:.0f}',
      *(
        f'{standing[key]:.3f}' for key in ('unigram', 'marginal', 'given_class')
      ),
    ]


@table('`--network`', 'weights', 'bits per code, test split', 'bits/dim')
def prior_networks():
  """Yields the networks of priors, after equal numbers of steps."""
  for row in read('benchmarks/priors.csv'):
    yield [
      f'`{row["network"]}`',
      f'{int(row["weights"]):,}',
      f'{float(row["bits_per_code"]):.3f}',
      f'{float(row["bits_per_dim"]):.3f}',
    ]


def _milliseconds(row):
  return f'{1000 * float(row["seconds"]):,.1f} ms'


@table('images', 'cached, without XLA', 'cached', 'the network run anew')
def generation():
  """Yields how long an autoregressive decoder takes to draw."""
  rows = read('benchmarks/generation.csv')
  found = {(row['batch'], row['sampler']): row for row in rows}
  for batch in dict.fromkeys(row['batch'] for row in rows):
    cached, rerun = found[batch, 'cached jit'], found[batch, 're-run jit']
    times = float(rerun['seconds']) / float(cached['seconds'])
    yield [
      batch,
      _milliseconds(found[batch, 'cached']),
      _milliseconds(cached),
      f'{times:.0f} times',
    ]


@table('codes', 'images', 'cached', 'the network run anew')
def sampling():
  """Yields how long a prior takes to draw."""
  rows = read('benchmarks/sampling.csv')
  for cached, rerun in zip(rows[::2], rows[1::2], strict=True):
    yield [
      f'{cached["side"]}x{cached["side"]}',
      cached['batch'],
      _milliseconds(cached),
      f'{float(rerun["ratio"]):.0f} times',
    ]


@table(
  'label as asked for, and distance',
  *_DATASETS.values(),
)
def sample_quality():
  """Yields what a classifier makes of samples."""
  found = {
    (row['data'], row['images']): row
    for row in read('benchmarks/sample_quality.csv')
  }
  for images in dict.fromkeys(images for _, images in found):
    rows = [found[dataset, images] for dataset in _DATASETS]
    yield [
      images,
      *(
        f'{100 * float(row["accuracy"]):.1f} %, '
        f'{float(row["frechet_distance"]):.2f}'
        for row in rows
      ),
    ]


@table(
  'quantizer',
  'seeds',
  'bits/dim',
  'PSNR, dB',
  'in use, %',
  'perplexity',
  'ms per step',
)
def quantizers():
  """Yields the quantizers at equal bits."""
  times = {
    row['quantizer']: float(row['milliseconds'])
    for row in read('benchmarks/bottlenecks_time.csv')
  }
  runs = read('benchmarks/bottlenecks.csv')
  for name in dict.fromkeys(run['quantizer'] for run in runs):
    own = [run for run in runs if run['quantizer'] == name]

    def spread(key, digits, scale=1, own=own):
      values = [scale * float(run[key]) for run in own]
      low, high = min(values), max(values)
      middle, half = (low + high) / 2, (high - low) / 2
      return f'{middle:,.{digits}f} ± {half:,.{digits}f}'

    yield [
      name,
      str(len(own)),
      spread('bits_per_dim', 3),
      spread('psnr_db', 2),
      spread('codes_in_use', 1, 100),
      spread('perplexity', 0),
      f'{times[name]:.0f}',
    ]


@table('case', 'K', 'quantizer', 'codes in use', 'perplexity', 'PSNR')
def codebook_usage():
  """Yields what becomes of codes that nothing chooses."""
  for row in read('benchmarks/codebook_usage.csv'):
    decibels = row['psnr_db']
    yield [
      row['case'],
      f'{int(row["num_embeddings"]):,}',
      row['quantizer'],
      f'{100 * float(row["codes_in_use"]):.1f} %',
      f'{float(row["perplexity"]):,.1f}',
      f'{float(decibels):.2f} dB' if decibels else '',
    ]


_PEERS = {
  'vqvae_tf jit': 'with jit',
  'sonnet': 'Sonnet',
  'sonnet jit': 'its jit',
  'keras hub': 'KerasHub',
  'torch eager': 'PyTorch',
  'torch compiled': 'compiled',
  'matrix product': 'matrix product',
}
# A row that is older than a peer does not have it.
_NOT_TIMED = {'ratio': '', 'note': ''}


@table('N', 'work', 'K', 'ms', *_PEERS.values())
def quantizer_speed():
  """Yields milliseconds of ours, and how many times as long others take."""
  found = {}
  for row in read('benchmarks/quantizer.csv'):
    key = row['n'], row['work'], row['k']
    found.setdefault(key, {})[row['peer']] = row
  for (n, work, k), peers in found.items():
    ours = peers['vqvae_tf']['milliseconds']
    # Nothing to compare with was timed to the end.
    if not ours:
      continue
    others = [peers.get(peer, _NOT_TIMED) for peer in _PEERS]
    yield [
      f'{int(n):,}',
      work,
      f'{int(k):,}',
      f'{float(ours):.1f}',
      *(
        f'{float(row["ratio"]):.2f}' if row['ratio'] else row['note']
        for row in others
      ),
    ]


_STEP_PEERS = {
  'vqvae_tf': 'vqvae_tf, as the commands train',
  'squared error': 'ours without the likelihood',
  'sonnet': "Sonnet's modules in a tf.function",
  'sonnet jit': 'the same with jit_compile',
  'sonnet onednn': 'Sonnet, told to use oneDNN',
  'sonnet jit onednn': 'the same with jit_compile',
  'torch eager': 'PyTorch, vector-quantize-pytorch, eager',
  'torch compiled': 'the same with torch.compile',
}
_STEP_SIZES = ('32', '128')


@table('peer', *(f'{m}, batch {b}' for m in ('all', 'AVX2') for b in (32, 128)))
def train_step():
  """Yields images/s, and in brackets the time of a step, ours being 1."""
  found = {}
  for name in 'train_step', 'train_step_avx2':
    for row in read(f'benchmarks/{name}.csv'):
      found[name, row['batch_size'], row['peer']] = row
  for peer, title in _STEP_PEERS.items():
    yield [
      title,
      *(
        _step(found[name, size, peer])
        for name in ('train_step', 'train_step_avx2')
        for size in _STEP_SIZES
      ),
    ]


def _step(row):
  if not row['images_per_second']:
    return row['note'].split(':')[0]
  return f'{float(row["images_per_second"]):.0f} ({float(row["ratio"]):.2f})'
