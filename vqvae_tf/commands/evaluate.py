"""bin/evaluate: bits/dim and reconstruction quality over a whole split."""

from pathlib import Path

from absl import flags

from vqvae_tf.commands import cli

_USAGE = """Computes bits/dim, PSNR and code usage over a whole split.

  bin/evaluate --workdir=runs/mnist
  bin/evaluate --model=assets/models/mnist --data_dir=FOLDER

bits/dim = (-log2 p(x|z) - log2 p(z)) / (H W C), p(x|z) a probability mass.
Writes metrics.json into the workdir (for --model: where --output says).
"""


def main() -> None:
  """Runs the executable."""
  cli.define_subject_flags()
  flags.DEFINE_string('output', None, 'JSON file (default: in the workdir)')
  cli.run(_evaluate, _USAGE)


def _evaluate() -> None:
  args = flags.FLAGS
  subject, data = cli.open_subject()
  from vqvae_tf import evaluation

  result = evaluation.evaluate(subject, data)
  print(f'{data.name} {data.split}, {subject.origin}')
  print(evaluation.table(result))
  output = args.output
  if args.workdir and not output:
    output = Path(args.workdir) / 'metrics.json'
  if output:
    evaluation.write(Path(output), args.split, result)
    print(f'written: {output}')
