"""What people have on disk: files that earlier code wrote give equal results.

`tests/frozen/` holds tiny runs of the digits with their priors, an export and a
Keras model, written by version 0.1.0 before its files moved into rooms, and
in expected.npz what that code made of them. Nobody writes them anew: a change
that needs it breaks what people have (CONTRIBUTING, "Breaking changes").
"""

import dataclasses
import json
import pathlib
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import vqvae_tf.keras  # noqa: F401  # Its layers are found by name.
from vqvae_tf import configs
from vqvae_tf.priors.codes import cached
from vqvae_tf.runs import results
from vqvae_tf.runs.run import Run
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.serving import load
from vqvae_tf.training import examples

FROZEN = pathlib.Path(__file__).with_name('frozen')
RUNS = ('ema', 'autoregressive', 'residual')
# Other processors add in another order; on the one that wrote the files all
# figures were equal to the bit.
_ROUNDING = {'rtol': 1e-4, 'atol': 1e-5}


@pytest.fixture(scope='module')
def expected():
  with np.load(FROZEN / 'expected.npz') as arrays:
    return dict(arrays)


@pytest.fixture(scope='module', params=RUNS)
def run(request, tmp_path_factory):
  """A copy of a frozen run: even reading one takes a lock in its folder."""
  folder = tmp_path_factory.mktemp('frozen') / request.param
  return Run(Workdir(shutil.copytree(FROZEN / request.param, folder)))


def _assert_subject(subject, expected, name):
  images, labels = expected['images'], expected['labels']
  codes = expected[f'{name}/codes']
  np.testing.assert_array_equal(subject.encode(images), codes)
  bits = subject.pixel_bits(codes, images)
  np.testing.assert_allclose(bits, expected[f'{name}/pixel_bits'], **_ROUNDING)
  vectors = subject.embed(codes)
  np.testing.assert_allclose(
    vectors, expected[f'{name}/embeddings'], **_ROUNDING
  )
  bits = subject.prior.code_bits(codes, labels)
  np.testing.assert_allclose(bits, expected[f'{name}/code_bits'], **_ROUNDING)
  if not subject.is_sampled:
    # A level that lies between two may be rounded to either.
    images = np.asarray(subject.decode(codes), int)
    assert np.abs(images - expected[f'{name}/images']).max() <= 1


def test_a_run_and_its_prior(run, expected):
  name = run.workdir.path.name
  _assert_subject(load.from_run(run), expected, name)
  assert run.fingerprint == str(expected[f'{name}/fingerprint'])
  assert run.prior.fingerprint == str(expected[f'{name}/prior_fingerprint'])
  run.prior.check_proven()


def test_an_export(expected):
  _assert_subject(load.from_export(FROZEN / 'ema_export'), expected, 'ema')


def test_codes_are_not_made_anew(run, expected):
  codes = cached(run, pytest.fail)
  found = codes.splits['test'].codes[: len(expected['images'])]
  name = run.workdir.path.name
  np.testing.assert_array_equal(found, expected[f'{name}/codes'])


def test_metrics_are_those_of_the_checkpoint(run):
  splits, stale = results.of_best(run)
  assert (list(splits), stale) == (['test'], [])
  measured, files = results.parsed(splits['test'])
  assert measured.num_examples == 179
  assert set(files) == {'png', 'webp', 'bz2'}


def test_a_run_goes_on(run, expected, digits, tmp_path):
  """Two more steps move every variable as they did."""
  name = run.workdir.path.name
  workdir = Workdir(shutil.copytree(run.workdir.path, tmp_path / name))
  config = configs.replace(run.config, steps=6)
  examples.train(config, workdir, digits['train'], digits['validation'])
  weights = str(workdir.path / 'checkpoints' / '00000006' / 'weights')
  found = tf.train.load_checkpoint(weights)
  names = found.get_variable_to_shape_map().keys() - {
    '_CHECKPOINTABLE_OBJECT_GRAPH'
  }
  assert names == set(expected[f'{name}/resumed_names'].tolist())
  for variable in names:
    np.testing.assert_allclose(
      found.get_tensor(variable),
      expected[f'{name}/resumed/{variable}'],
      err_msg=variable,
      # A sum in another order is divided by a small root in Adam.
      **{'rtol': 1e-3, 'atol': 1e-4},
    )


def test_a_configuration(run):
  text = (run.workdir.path / 'config.json').read_text()
  known = json.loads(text)
  # What became a setting later.
  known['run']['compile'] = 'auto'
  known['data'] |= {'split': '', 'sample_rate': 0, 'length': 2_048}
  known['optimizer'] |= {
    'accumulation_steps': 1,
    'clip_norm': 0.0,
    'schedule': 'cosine',
  }
  assert json.loads(configs.to_json(run.config)) == known
  assert dataclasses.replace(run.config) == run.config


def test_a_keras_file(expected):
  model = keras.saving.load_model(FROZEN / 'quantizers.keras')
  paths = [weight.path for weight in model.weights]
  assert paths == expected['keras/weights'].tolist()
  outputs = model.predict(expected['keras/inputs'], verbose=0)
  np.testing.assert_allclose(outputs, expected['keras/outputs'], **_ROUNDING)
