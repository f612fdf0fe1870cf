"""bin/export: a workdir to a SavedModel, or to LiteRT or ONNX."""

from pathlib import Path

from absl import flags

from vqvae_tf.commands import cli
from vqvae_tf.errors import UserError

_USAGE = """Writes the best checkpoint of a run: SavedModel, LiteRT or ONNX.

  bin/export --workdir=runs/mnist --output=exports/mnist
  bin/export --model=mnist --format=onnx --output=exports/onnx

Plain TensorFlow loads a SavedModel: tf.saved_model.load(...).signatures has
encode, decode, reconstruct, embed and nll, uint8 images and int32 codes at the
door; where the run has a prior, also sample and prior_nll. serving_default is
reconstruct. A prior that misses the unigram baseline on the validation split is
refused. Of an export (--model) it traces the same weights anew, with the
signatures of this version.

--format=tflite makes a folder with model.tflite, which ai-edge-litert runs,
with the same signatures; --format=onnx one with a file for each, encode.onnx
and so on, which onnxruntime runs. Both have metadata.json and README.md beside
it, take a run or a SavedModel of vqvae_tf (--model), and leave out what draws
random numbers: sample, and of an autoregressive decoder decode and reconstruct.
They need an extra: pip install 'vqvae_tf[litert]' or 'vqvae_tf[onnx]'.
"""
_FORMATS = ('savedmodel', 'tflite', 'onnx')


def main() -> None:
  """Runs the executable."""
  flags.DEFINE_string('workdir', None, 'folder of a run')
  cli.define_model_flag(', to convert')
  flags.DEFINE_string(
    'output', None, 'folder to make (WORKDIR/export, WORKDIR/tflite, ...)'
  )
  flags.DEFINE_enum('format', 'savedmodel', _FORMATS, 'what to write')
  flags.DEFINE_bool('overwrite', False, 'replace an existing export')
  cli.run(_export, _USAGE)


def _export() -> None:
  args = flags.FLAGS
  _check(args)
  # What is traced where a GPU is seen has operations for it alone.
  cli.load_tensorflow(None if args.format == 'savedmodel' else _hide_gpus)
  from vqvae_tf.runs.run import Run
  from vqvae_tf.runs.workdir import Workdir
  from vqvae_tf.serving import rebuilt, saved_model

  if args.model:
    cli.note_unchecked(args.model)
  run = Run(Workdir(args.workdir)) if args.workdir else None
  if args.format != 'savedmodel':
    path = _convert(args, run)
  elif run:
    output = args.output or f'{args.workdir}/export'
    path = saved_model.export(run, output, args.overwrite)
  else:
    found = rebuilt.from_export(args.model)
    path = saved_model.write(found, args.output, args.overwrite)
  if run:
    _warn_of_stale(run)
  print(f'exported: {path}')


def _check(args) -> None:
  if not args.workdir and not args.model:
    raise UserError('give --workdir=RUN, the folder of a trained model')
  if args.workdir and args.model:
    raise UserError('give either --workdir=RUN or --model=EXPORT')
  if args.model and not args.output:
    raise UserError('give --output=FOLDER, where the export is to be')


def _hide_gpus() -> None:
  import tensorflow as tf

  tf.config.set_visible_devices([], 'GPU')


def _convert(args, run) -> Path:
  """Writes LiteRT's format or ONNX, and says what was left out."""
  from vqvae_tf.portable import folder
  from vqvae_tf.serving import rebuilt

  folder.check_installed(args.format)
  found = rebuilt.from_run(run) if run else rebuilt.from_export(args.model)
  output = args.output or f'{args.workdir}/{args.format}'
  written = folder.export(found, output, args.format, args.overwrite)
  reasons = {}
  for name, reason in written.left_out.items():
    reasons.setdefault(reason, []).append(name)
  if reasons:
    left = '; '.join(f'{", ".join(n)} ({r})' for r, n in reasons.items())
    print(f'left out, as {args.format} cannot hold it: {left}')
  return written.path


def _warn_of_stale(run) -> None:
  from vqvae_tf.runs import results

  _, stale = results.of_best(run)
  if stale:
    print(
      f'warning: {", ".join(stale)} in {run}/metrics.json: of another '
      'checkpoint or prior, so the export has no such figures; run '
      f'bin/evaluate --workdir={run} and export again'
    )
