"""vqvae-tf-demo: the whole road on scikit-learn's digits, in two minutes."""

from pathlib import Path

from absl import flags

from vqvae_tf import configs
from vqvae_tf.commands import cli, train
from vqvae_tf.configs import presets

_USAGE = """Trains, evaluates, exports and draws a VQ-VAE on handwritten digits.

The 8x8 digits come with scikit-learn: nothing is downloaded. They teach the
tool and are no benchmark.
"""
_PICTURES = ('reconstructions', 'codes', 'usage', 'curves', 'animation')


def main() -> None:
  """Runs the executable."""
  flags.DEFINE_string('workdir', 'runs/demo', 'folder of the run')
  flags.DEFINE_integer('steps', None, 'training steps (default: the preset)', 1)
  cli.run(_demo, _USAGE)


def _demo() -> int:
  path = Path(flags.FLAGS.workdir)
  config = presets.named('digits').config
  if flags.FLAGS.steps:
    config = configs.replace(config, steps=flags.FLAGS.steps)
  if status := train.train(config, str(path)):
    return status
  from vqvae_tf.evaluation.evaluate import evaluate
  from vqvae_tf.metrics.table import table
  from vqvae_tf.runs import results
  from vqvae_tf.runs.run import Run
  from vqvae_tf.runs.workdir import Workdir
  from vqvae_tf.serving import load, saved_model
  from vqvae_tf.visualization import gallery, material

  workdir = Workdir(path)
  run = Run(workdir)
  subject = load.from_run(run)
  data = cli.open_source(config.data, 'test')
  result = evaluate(subject, data)
  results.write(
    path / 'metrics.json', 'test', result, fingerprints=run.fingerprints
  )
  model = saved_model.export(run, path / 'export', overwrite=True)
  print(f'\ndigits, test split\n{table(result)}\n')
  print(f'model     {model}\nmetrics   {path}/metrics.json')
  made_of = material.Material(subject, data, workdir)
  for line in gallery.draw(_PICTURES, made_of, path / 'pictures'):
    print(line)
  return 0
