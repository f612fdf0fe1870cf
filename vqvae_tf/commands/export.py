"""bin/export: a workdir to a SavedModel."""

from absl import flags

from vqvae_tf.commands import cli
from vqvae_tf.errors import UserError

_USAGE = """Writes the best checkpoint of a run as a SavedModel.

  bin/export --workdir=runs/mnist --output=exports/mnist

Plain TensorFlow loads it: tf.saved_model.load(...).signatures has encode,
decode, reconstruct, embed and nll, uint8 images and int32 codes at the door;
where the run has a prior, also sample and prior_nll. A prior that misses the
unigram baseline on the validation split is refused.
"""


def main() -> None:
  """Runs the executable."""
  flags.DEFINE_string('workdir', None, 'folder of a run')
  flags.DEFINE_string('output', None, 'folder to make (WORKDIR/export)')
  flags.DEFINE_bool('overwrite', False, 'replace an existing SavedModel')
  cli.run(_export, _USAGE)


def _export() -> None:
  args = flags.FLAGS
  if not args.workdir:
    raise UserError('give --workdir=RUN, the folder of a trained model')
  cli.load_tensorflow()
  from vqvae_tf.runs import results
  from vqvae_tf.runs.run import Run
  from vqvae_tf.runs.workdir import Workdir
  from vqvae_tf.serving import saved_model

  output = args.output or f'{args.workdir}/export'
  run = Run(Workdir(args.workdir))
  path = saved_model.export(run, output, args.overwrite)
  _, stale = results.of_best(run)
  if stale:
    print(
      f'warning: {", ".join(stale)} in {run}/metrics.json: of another '
      'checkpoint or prior, so the export has no such figures; run '
      f'bin/evaluate --workdir={run} and export again'
    )
  print(f'exported: {path}')
