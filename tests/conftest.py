"""A tiny model, trained once, and the executables as subprocesses."""

import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import tensorflow as tf

from vqvae_tf import build, configs, datasets
from vqvae_tf.configs import PriorConfig
from vqvae_tf.runs.run import Run
from vqvae_tf.runs.standing import Standing, write_standing
from vqvae_tf.runs.workdir import PriorWorkdir, State, Workdir
from vqvae_tf.serving import saved_model
from vqvae_tf.training import examples

ROOT = pathlib.Path(__file__).resolve().parents[1]

TINY = {
  'num_hiddens': 8,
  'num_residual_layers': 1,
  'num_residual_hiddens': 4,
  'num_halvings': 1,
  'embedding_dim': 4,
  'num_embeddings': 16,
  'num_mixtures': 2,
  'batch_size': 8,
  'learning_rate': 1e-3,
  'steps': 4,
  'evaluate_every': 2,
  'log_every': 2,
}


@pytest.fixture(scope='session')
def tiny_flags():
  """The flags of a run that takes a second, beside its data set."""
  return [f'--{name}={value}' for name, value in TINY.items()]


@pytest.fixture(scope='session')
def tiny_config():
  """The same as a configuration, for the digits."""
  return configs.replace(configs.Config(), dataset='digits', **TINY)


@pytest.fixture(scope='session')
def digits():
  """Sources of the digits by split."""
  return {s: datasets.open_source('digits', s) for s in datasets.SPLITS}


@pytest.fixture(scope='session')
def trained(tmp_path_factory, tiny_config, digits):
  """The workdir of a finished tiny run; nobody may change it."""
  workdir = Workdir(tmp_path_factory.mktemp('trained') / 'run')
  examples.train(tiny_config, workdir, digits['train'], digits['validation'])
  return workdir


@pytest.fixture(scope='session')
def exported(tmp_path_factory, trained):
  """An export of that run; nobody may change it."""
  return saved_model.export(
    Run(trained), tmp_path_factory.mktemp('exported') / 'model'
  )


@pytest.fixture(scope='session')
def with_prior(tmp_path_factory, trained):
  """That run with an untrained, conditional prior; nobody may change it."""
  folder = tmp_path_factory.mktemp('with_prior') / 'run'
  workdir = Workdir(shutil.copytree(trained.path, folder))
  config = configs.replace(
    PriorConfig(), num_hiddens=8, num_layers=1, average_decay=0.0
  )
  config = dataclasses.replace(
    config,
    grid=(4, 4),
    codebook_sizes=(16,),
    num_dims=64,
    class_names=workdir.load_config().class_names,
    fingerprint=Run(workdir).fingerprint,
  )
  tf.random.set_seed(0)
  prior = build.prior(config)
  # Far from uniform.
  for variable in prior.trainable_variables:
    variable.assign(2 * variable)
  own = PriorWorkdir(workdir)
  own.save_config(config)
  trainer = tf.train.Checkpoint(model=prior)
  own.save(tf.train.Checkpoint(trainer=trainer), State(step=1))
  # What nobody would have found of it.
  standing = Standing(1, 179, 4.0, 3.75, 3.5, 3.25)
  write_standing(own, standing)
  return workdir


@pytest.fixture(scope='session')
def code_prior(with_prior):
  """The prior of that run; nobody may change it."""
  return Run(with_prior).prior.model


@pytest.fixture(scope='session')
def exported_with_prior(tmp_path_factory, with_prior):
  """An export of that run; nobody may change it."""
  folder = tmp_path_factory.mktemp('exported_with_prior')
  return saved_model.export(Run(with_prior), folder / 'model')


@pytest.fixture
def eagerly():
  """Spares a run the seconds of its compilation."""
  tf.config.run_functions_eagerly(True)
  yield
  tf.config.run_functions_eagerly(False)


def _environment():
  """This one, without a network, a GPU or another home's data."""
  nowhere = 'http://127.0.0.1:9'
  names = ('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY')
  hidden = ('no_proxy', 'NO_PROXY', 'TFDS_DATA_DIR', 'TF_CPP_MIN_LOG_LEVEL')
  env = {k: v for k, v in os.environ.items() if k not in hidden}
  env |= dict.fromkeys(names, nowhere)
  # Where the package is not installed it is found here; so it is when a test
  # runs in another folder.
  paths = [str(ROOT), *filter(None, [env.get('PYTHONPATH')])]
  return env | {
    'PYTHONPATH': os.pathsep.join(paths),
    'CUDA_VISIBLE_DEVICES': '-1',
    # A few steps of a tiny model are not worth compiling well.
    'XLA_FLAGS': '--xla_backend_optimization_level=0',
  }


@pytest.fixture(scope='session')
def environment():
  """Variables for a subprocess: no network, no GPU, the package importable."""
  return _environment()


@pytest.fixture(scope='session')
def run_all(environment, tmp_path_factory):
  """Runs [path, flag, ...] each; returns (status, stdout, stderr) of each."""

  def run(commands, jobs, env=environment, **options):
    folder = tmp_path_factory.mktemp('outcomes')
    done = subprocess.run(
      [sys.executable, ROOT / 'tests' / 'run_all.py', folder, str(jobs)],
      input=json.dumps(commands),
      stdout=subprocess.PIPE,
      text=True,
      env=env,
      check=True,
      timeout=600,
      **options,
    )
    texts = [
      [(folder / f'{i}.{name}').read_text() for name in ('out', 'err')]
      for i in range(len(commands))
    ]
    statuses = json.loads(done.stdout)
    return [(s, *text) for s, text in zip(statuses, texts, strict=True)]

  return run


@pytest.fixture(scope='session')
def launch(environment):
  """Starts bin/NAME with flags, `before` it a wrapper; returns the process."""

  def start(name, *flags, before=(), **options):
    options = {'env': environment, **options}
    return subprocess.Popen(
      [*before, sys.executable, str(ROOT / 'bin' / name), *map(str, flags)],
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
      **options,
    )

  return start


@pytest.fixture(scope='session')
def command(launch):
  """Runs bin/NAME with flags; returns status, stdout and stderr."""

  def run(name, *flags, **options):
    process = launch(name, *flags, **options)
    out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(
      process.args, process.returncode, out, err
    )

  return run
