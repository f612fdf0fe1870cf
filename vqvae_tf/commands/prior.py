"""bin/prior: trains a prior over the codes of a trained model."""

from collections.abc import Callable

from absl import flags

from vqvae_tf.commands import cli
from vqvae_tf.configs import PriorConfig
from vqvae_tf.configs.prior import UNUSED
from vqvae_tf.errors import UserError

_USAGE = """Trains p(z) over the codes of a model, or goes on where it stopped.

  bin/prior --workdir=runs/mnist

The codes of the best checkpoint are kept in codes.npz, the run in prior/, both
in the workdir of the model; after further training of the model both are made
anew. Training ends after --steps, or when validation does not improve.
"""


def main() -> None:
  """Runs the executable."""
  flags.DEFINE_string('workdir', None, 'folder of the run of a model')
  cli.define_data_flags()
  cli.define_config_flags(PriorConfig(), unused=UNUSED)
  cli.run(_prior, _USAGE)


def _prior() -> int:
  path = flags.FLAGS.workdir
  if not path:
    raise UserError('give --workdir=RUN, the folder of a trained model')
  config = cli.config_from_flags(PriorConfig())
  return train(config, path, cli.open_data)


def train(config: PriorConfig, path: str, open_split: Callable) -> int:
  """Trains the prior of a run and says how good it is; returns the status.

  Args:
    config: of the prior.
    path: workdir of the run.
    open_split: takes settings of data and the name of a split to the split.
  """
  cli.load_tensorflow()
  from vqvae_tf.models import serve
  from vqvae_tf.priors import measuring, training
  from vqvae_tf.priors.codes import cached
  from vqvae_tf.runs.run import PriorRun, Run
  from vqvae_tf.runs.workdir import PriorWorkdir, Workdir

  run = Run(Workdir(path))
  settings = run.config.data
  codes = cached(run, lambda split: open_split(settings, split))
  workdir = PriorWorkdir(run.workdir)
  decode = serve(run.model, run.config.example_shape).decode
  state = training.train(config, workdir, codes, decode)
  if not training.is_finished(config, state):
    return cli.INTERRUPTED
  print(f'{state.step} steps in {state.seconds:.0f} s')
  prior = PriorRun(workdir)
  standing = measuring.measure_standing(prior, codes)
  print(measuring.table(standing, prior.config))
  if standing.is_useless:
    print(
      f'it {standing.verdict}; bin/export refuses it: train it longer, or '
      f'{workdir.way_out} and choose other settings'
    )
  print(f'next: bin/evaluate --workdir={path}')
  return 0
