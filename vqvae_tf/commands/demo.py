"""vqvae-tf-demo: the whole road on scikit-learn's digits, in minutes."""

import io
from pathlib import Path

from absl import flags

from vqvae_tf import configs
from vqvae_tf.commands import cli, train
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
  from vqvae_tf.evaluation.evaluate import evaluate
  from vqvae_tf.metrics.table import table
  from vqvae_tf.runs import results
  from vqvae_tf.runs.run import Run
  from vqvae_tf.runs.workdir import Workdir
  from vqvae_tf.serving import load, saved_model
  from vqvae_tf.visualization import gallery, material

  workdir = Workdir(path)
  if status := _train_prior(Run(workdir)):
    return status
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
  print(_compressed(model, data, result.bits_per_dim, path / 'digits.vqz'))
  return 0


def _train_prior(run):
  """Trains the prior of a run; returns the exit status."""
  from vqvae_tf.models import serve
  from vqvae_tf.priors import measuring, training
  from vqvae_tf.priors.codes import cached
  from vqvae_tf.runs.run import PriorRun
  from vqvae_tf.runs.workdir import PriorWorkdir

  settings = run.config.data
  config = configs.replace(configs.PriorConfig(), **_PRIOR)
  codes = cached(run, lambda split: cli.open_source(settings, split))
  workdir = PriorWorkdir(run.workdir)
  decode = serve(run.model, run.config.example_shape).decode
  state = training.train(config, workdir, codes, decode)
  if not training.is_finished(config, state):
    return cli.INTERRUPTED
  measuring.measure_standing(PriorRun(workdir), codes)
  return 0


def _compressed(model, data, promised, path):
  """Compresses a split into a file and reads it again; returns what to say."""
  from vqvae_tf import files
  from vqvae_tf.evaluation import round_trip
  from vqvae_tf.serving import Codec

  codec, file = Codec(model), io.BytesIO()
  batches = list(round_trip.labelled(data, data.class_names))
  codec.compress_to(file, batches)
  again = codec.images(file.getvalue())
  numbers = sum(images.size for images, _ in batches)
  is_same = all(
    (image == next(again)).all() for images, _ in batches for image in images
  )
  if not is_same:
    raise RuntimeError('the file does not give back the images')
  with files.written(path) as aside:
    aside.write_bytes(file.getvalue())
  size = file.tell()
  return (
    f'\n{path}: all {data.num_examples} test images in {size} bytes, read '
    f'again and equal.\nThat is {8 * size / numbers:.4f} bits/dim, where the '
    f'model promised {promised:.4f}.'
  )
