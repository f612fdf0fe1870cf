"""vqvae-tf-demo: the whole road on scikit-learn's digits, in minutes."""

from pathlib import Path

from absl import flags

from vqvae_tf import configs
from vqvae_tf.commands import cli, prior, train
from vqvae_tf.configs import presets

_USAGE = """Trains, evaluates, exports, draws and compresses handwritten digits.

The 8x8 digits come with scikit-learn: nothing is downloaded. They teach the
tool and are no benchmark.
"""
_PICTURES = ('reconstructions', 'codes', 'usage', 'curves', 'animation')
# A small prior, which takes seconds.
_PRIOR = {
  'num_hiddens': 32,
  'num_layers': 2,
  'steps': 300,
  'evaluate_every': 100,
  'average_decay': 0.98,
  'warmup_steps': 20,
}


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
  own = configs.replace(configs.PriorConfig(), **_PRIOR)
  if status := prior.train(own, str(path), cli.open_source):
    return status
  from vqvae_tf.evaluation import round_trip
  from vqvae_tf.evaluation.evaluate import evaluate
  from vqvae_tf.metrics.table import table
  from vqvae_tf.runs import results
  from vqvae_tf.runs.run import Run
  from vqvae_tf.runs.workdir import Workdir
  from vqvae_tf.serving import Codec, load, saved_model
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
  file = path / 'digits.vqz'
  size = round_trip.write(Codec(model), data, run.config.class_names, file)
  print(
    f'\n{file}: all {data.num_examples} test images in {file.stat().st_size} '
    f'bytes, read again and equal.\nThat is {size:.4f} bits/dim, where the '
    f'model promised {result.bits_per_dim:.4f}.'
  )
  return 0
