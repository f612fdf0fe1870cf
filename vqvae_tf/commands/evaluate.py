"""bin/evaluate: bits/dim and reconstruction quality over whole splits."""

import contextlib
import tempfile
import time
from pathlib import Path

from absl import flags

from vqvae_tf.commands import cli
from vqvae_tf.datasets import names
from vqvae_tf.errors import UserError

_USAGE = """Computes bits/dim, PSNR and code usage over whole splits.

  bin/evaluate --workdir=runs/mnist
  bin/evaluate --model=assets/models/mnist --data_dir=FOLDER --splits=test

bits/dim = (-log2 p(x|z) - log2 p(z)) / (H W C), p(x|z) a probability mass, and
+- its 95 % confidence interval over images; p(z) is the learned prior where
there is one, which takes a pass for each class, else uniform. Beside it the
bits/dim of files of the same images, headers included: PNG, lossless WebP and,
with the extra `codecs`, lossless JPEG XL (a file per image), and bz2 (all in
one file); --noformats does without. --files writes the file that the model
itself makes of a split, reads it again and compares all images.
Writes metrics.json into the workdir (for --model: where --output says).
"""


def main() -> None:
  """Runs the executable."""
  cli.define_subject_flags()
  flags.DEFINE_list(
    'splits', 'test,train', f'parts of the data, of {", ".join(names.SPLITS)}'
  )
  flags.DEFINE_bool('formats', True, 'measure files of the images as well')
  flags.DEFINE_bool('files', False, "measure the model's own file as well")
  flags.DEFINE_string(
    'without_codes',
    None,
    'workdir or export of the same network trained with --num_embeddings=1: '
    'shows what the codes save',
  )
  flags.DEFINE_string('output', None, 'JSON file (default: in the workdir)')
  cli.run(_evaluate, _USAGE)


def _evaluate() -> None:
  args = flags.FLAGS
  if not args.splits or not set(args.splits) <= set(names.SPLITS):
    raise UserError(
      f'--splits={",".join(args.splits)}: give one or more of '
      f'{",".join(names.SPLITS)}'
    )
  subject = cli.open_subject()
  from vqvae_tf.evaluation import twins
  from vqvae_tf.runs import results

  codeless = None
  if args.without_codes:
    codeless = cli.open_either(args.without_codes)
    twins.check_codeless(subject, codeless)
  output = args.output
  if args.workdir and not output:
    output = Path(args.workdir) / 'metrics.json'
  if output:
    results.check_writable(Path(output))
  settings = subject.config.data
  # All of them first: missing data, or a file that the results cannot go to, is
  # no news after minutes of work.
  sources = [cli.open_data(settings, s) for s in args.splits]
  with _codec() as codec:
    for data in sources:
      result, files = _measure(subject, codeless, data, codec)
      if output:
        results.write(
          Path(output), data.split, result, files, subject.fingerprints
        )
  if output:
    print(f'written: {output}')


@contextlib.contextmanager
def _codec():
  """Yields what makes files with the model, or None."""
  args = flags.FLAGS
  if not args.files:
    yield None
    return
  from vqvae_tf.runs.run import Run
  from vqvae_tf.runs.workdir import Workdir
  from vqvae_tf.serving import Codec, saved_model

  if args.model:
    yield Codec(args.model)
    return
  with tempfile.TemporaryDirectory() as folder:
    run = Run(Workdir(args.workdir))
    yield Codec(saved_model.export(run, Path(folder) / 'export'))


def _measure(subject, codeless, data, codec):
  """Measures and prints a split; returns its metrics and those of its files."""
  from vqvae_tf.evaluation import evaluate, round_trip, twins
  from vqvae_tf.metrics.table import table

  start = time.monotonic()
  result = evaluate.evaluate(subject, data)
  seconds = time.monotonic() - start
  if codeless:
    result = twins.compare_codeless(result, codeless, data)
  files = evaluate.measure_files(data) if flags.FLAGS.formats else None
  if codec:
    classes = subject.config.class_names
    with tempfile.TemporaryDirectory() as folder:
      own = round_trip.write(codec, data, classes, Path(folder) / 'file')
    files = {**(files or {}), 'vqz': own}
  print(f'{data.name} {data.split}, {subject.origin}')
  print(table(result, files))
  if codec:
    more = 100 * (own / result.bits_per_dim - 1)
    print(f'own file over the likelihood, all images read back: {more:+.3f} %')
  each = 1000 * seconds / result.num_examples
  print(f'measured in {seconds:.0f} s: {each:.1f} ms per image')
  if subject.prior and subject.prior.warning:
    print(f'warning: {subject.prior.warning}')
  print(flush=True)
  return result, files
