import json
import pathlib
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import configs
from vqvae_tf.errors import UserError
from vqvae_tf.runs import history
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.training import devices, examples
from vqvae_tf.training.devices import Devices

SCRIPT = pathlib.Path(__file__).with_name('two_devices.py')
# Draws of initialization and restart are others where XLA compiles them, which
# it does for one device alone.
CLASSIC = {'initialization': 'variance_scaling', 'unused_codes': 'sonnet'}
SIXTEEN_BITS = ('mixed_bfloat16', 'mixed_float16')
ENDLESS = {'steps': 1_000_000, 'evaluate_every': 1_000_000}


class _TwoReplicas:
  num_replicas_in_sync = 2


def _variables(workdir):
  path = workdir.path / 'checkpoints' / '00000004' / 'weights'
  reader = tf.train.load_checkpoint(str(path))
  return {
    key: reader.get_tensor(key)
    for key in reader.get_variable_to_shape_map()
    if key != '_CHECKPOINTABLE_OBJECT_GRAPH'
  }


def _assert_equal_bits(one, other):
  ours, theirs = _variables(one), _variables(other)
  assert ours.keys() == theirs.keys()
  for key, value in ours.items():
    np.testing.assert_array_equal(value, theirs[key], err_msg=key)


@pytest.fixture(scope='module')
def settings(tiny_config):
  config = configs.replace(
    tiny_config, flip=True, warmup_steps=3, average_decay=0.9, **CLASSIC
  )
  return {
    field.name: value
    for field, value in configs.fields(config)
    if configs.counts(config, field)
  }


@pytest.fixture(scope='module')
def mirrored(tmp_path_factory, environment, settings):
  """The workdirs of `two_devices.py` by name, and what it printed."""
  folder = tmp_path_factory.mktemp('mirrored')
  done = subprocess.run(
    [sys.executable, str(SCRIPT), str(folder), json.dumps(settings)],
    env=environment,
    capture_output=True,
    text=True,
    timeout=300,
  )
  assert done.returncode == 0, done.stderr
  names = ('whole', 'half', 'resumed', 'in_parts', *SIXTEEN_BITS)
  workdirs = {name: Workdir(folder / name) for name in names}
  return workdirs, done.stdout


@pytest.fixture
def start_workers(launch, environment, settings):
  """Starts two workers of one run; returns their processes."""
  processes = []

  def start(workdir, change_second=None, **changes):
    sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range(2)]
    hosts = [f'127.0.0.1:{each.getsockname()[1]}' for each in sockets]
    for each in sockets:
      each.close()
    values = settings | {'distribute': 'multi_worker'} | changes
    for index, change in enumerate(({}, change_second or {})):
      own = values | change
      flags = [f'--{name}={value}' for name, value in own.items()]
      task = {'type': 'worker', 'index': index}
      text = json.dumps({'cluster': {'worker': hosts}, 'task': task})
      processes.append(
        launch(
          'train',
          *flags,
          f'--workdir={workdir}',
          # Not through the proxy that keeps tests from the network.
          env=environment | {'TF_CONFIG': text, 'no_proxy': '127.0.0.1'},
        )
      )
    return processes

  yield start
  for process in processes:
    process.kill()
    process.wait()


class TestPlace:
  def test_the_example_of_the_message(self):
    assert devices._place(devices._EXAMPLE) == (0, 2)

  def test_the_chief_comes_first(self):
    cluster = {'chief': ['a:1'], 'worker': ['b:1', 'c:1'], 'ps': ['d:1']}
    for task, place in ((('chief', 0), 0), (('worker', 1), 2)):
      task = dict(zip(('type', 'index'), task, strict=True))
      text = json.dumps({'cluster': cluster, 'task': task})
      assert devices._place(text) == (place, 3)

  @pytest.mark.parametrize(
    'text, what',
    [
      ('', 'is not set'),
      ('{', 'does not say which'),
      ('[]', 'does not say which'),
      ('{"cluster": {"worker": ["a:1"]}}', 'does not say which'),
      (
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", '
        '"index": 1}}',
        'does not say which',
      ),
    ],
  )
  def test_what_names_no_worker(self, text, what):
    with pytest.raises(UserError) as caught:
      devices._place(text)
    caught.match(f'--distribute=multi_worker: TF_CONFIG {what}')
    assert f"TF_CONFIG='{devices._EXAMPLE}'" in str(caught.value)
    assert '\n' not in str(caught.value)


class TestOneDevice:
  @pytest.mark.parametrize('kind', ['none', 'mirrored', 'multi_worker'])
  def test_needs_no_strategy(self, kind, monkeypatch):
    alone = {
      'cluster': {'worker': ['127.0.0.1:1']},
      'task': {'type': 'worker', 'index': 0},
    }
    monkeypatch.setenv('TF_CONFIG', json.dumps(alone))
    one = devices.devices(kind)
    assert one == Devices(tf.distribute.get_strategy(), 0, 1)
    assert one.is_chief
    assert one.total(3) == 3

  def test_an_error_is_no_lost_worker(self):
    with pytest.raises(tf.errors.UnavailableError, match='gone'):
      with Devices().watched():
        raise tf.errors.UnavailableError(None, None, 'gone')


def test_a_batch_has_equal_parts(tmp_path, tiny_config, digits):
  config = configs.replace(tiny_config, batch_size=9)
  workdir = Workdir(tmp_path / 'run')
  devices = Devices(_TwoReplicas())
  with pytest.raises(
    UserError, match='--batch_size=9 has no equal parts for 2 devices'
  ):
    examples.train(
      config, workdir, digits['train'], digits['validation'], devices
    )
  config = configs.replace(config, batch_size=8, accumulation_steps=8)
  match = '--batch_size=8 has no equal parts for --accumulation_steps=8 and 2 d'
  with pytest.raises(UserError, match=match):
    examples.train(
      config, workdir, digits['train'], digits['validation'], devices
    )
  assert not workdir.has_config()


@pytest.mark.parametrize(
  'name, changes', [('whole', {}), ('in_parts', {'clip_norm': 0.1})]
)
def test_two_devices_equal_one(
  mirrored, settings, digits, tmp_path, name, changes
):
  workdirs, output = mirrored
  assert output.splitlines()[-1] == '0 variables differ between the devices'
  one = Workdir(tmp_path / 'one')
  config = configs.replace(configs.Config(), **(settings | changes))
  examples.train(config, one, digits['train'], digits['validation'])
  ours, theirs = _variables(workdirs[name]), _variables(one)
  # Parts of a batch are counted in the quantizer.
  is_more = {key.split('/')[-3] for key in ours.keys() - theirs.keys()}
  assert is_more == (
    {'_accumulated', '_counts', '_sums'} if name == 'in_parts' else set()
  )
  for key, expected in theirs.items():
    # Sums of half batches, and XLA, round otherwise: some 1e-7 of the largest
    # element. A batch split wrongly, or a sum taken for a mean, gives 1e-3 and
    # more.
    largest = np.abs(expected).max()
    np.testing.assert_allclose(
      ours[key], expected, rtol=0, atol=1e-5 * largest, err_msg=key
    )


def test_a_resumed_run_on_two_devices(mirrored):
  workdirs, _ = mirrored
  assert workdirs['half'].steps() == [2]
  _assert_equal_bits(workdirs['resumed'], workdirs['whole'])


@pytest.mark.parametrize('precision', SIXTEEN_BITS)
def test_16_bits_on_two_devices(mirrored, precision):
  workdirs, output = mirrored
  assert output.splitlines()[-1] == '0 variables differ between the devices'
  entries = history.read(workdirs[precision].metrics_path)
  assert len(entries) == 4
  for entry in entries:
    del entry['group']
    assert np.isfinite(list(entry.values())).all()
  variables = {
    key.removesuffix('/.ATTRIBUTES/VARIABLE_VALUE'): value
    for key, value in _variables(workdirs[precision]).items()
  }
  steps = variables['trainer/optimizer/step']
  if precision == 'mixed_float16':
    # The first scale is too large for this model: both leave that step out.
    assert variables['trainer/loss_scale/value'] == 2**14
    assert variables['trainer/loss_scale/good_steps'] == steps == 3
  else:
    assert steps == 4


def test_workers_go_on_where_two_devices_stopped(mirrored, start_workers):
  workdirs, _ = mirrored
  # A device is a device, on this machine or on another.
  results = [
    (*process.communicate(timeout=120), process.returncode)
    for process in start_workers(workdirs['half'])
  ]
  for _, errors, status in results:
    assert errors == ''
    assert status == 0
  (chief, worker) = (output for output, _, _ in results)
  assert worker == 'worker 1 of 2 waits for the others\n'
  assert '4 steps in ' in chief
  assert workdirs['half'].load_config().run.distribute == 'multi_worker'
  _assert_equal_bits(workdirs['half'], workdirs['whole'])
  ours, theirs = (
    history.read(workdirs[name].metrics_path) for name in ('half', 'whole')
  )
  assert len(ours) == len(theirs) == 4
  # The last entry is the validation, which no time is in.
  assert ours[-1] == theirs[-1]


def test_a_signal_to_one_worker_stops_all(start_workers, tmp_path):
  workdir = Workdir(tmp_path / 'run')
  processes = start_workers(workdir, **ENDLESS)
  _wait_for_steps(workdir)
  processes[1].send_signal(signal.SIGTERM)
  outputs = [process.communicate(timeout=60) for process in processes]
  assert [process.returncode for process in processes] == [130, 130]
  step = workdir.last_state().step
  assert 0 < step < ENDLESS['steps']
  assert f'stopped at step {step}: the same command goes on' in outputs[0][0]
  assert [error for _, error in outputs] == ['', '']


def test_a_lost_worker_is_told(start_workers, tmp_path):
  workdir = Workdir(tmp_path / 'run')
  chief, worker = start_workers(workdir, **ENDLESS)
  _wait_for_steps(workdir)
  worker.kill()
  _, errors = chief.communicate(timeout=60)
  assert chief.returncode == 1
  assert errors.startswith(
    'error: worker 0 of 2 lost another one: start all again, the run goes on '
    'from its last checkpoint ('
  )
  assert 'Error: ' in errors and errors.endswith(')\n')
  assert errors.count('\n') == 1


def test_workers_of_other_settings_are_found_out(start_workers, tmp_path):
  processes = start_workers(tmp_path / 'run', change_second={'seed': 5})
  for process in processes:
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert errors == (
      'error: the workers have different settings or data: give all of them '
      'the same flags and files\n'
    )


def _wait_for_steps(workdir):
  deadline = time.monotonic() + 60
  while time.monotonic() < deadline:
    if workdir.metrics_path.exists():
      return
    time.sleep(0.1)
  pytest.fail('the workers take no steps')
