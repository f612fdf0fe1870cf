"""Two replicas train as one device does, and stay equal to the bit."""

import json
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf import replicas

SCRIPT = pathlib.Path(__file__).with_name('replica_run.py')


def start(environment, kind, path, **extra):
  return subprocess.Popen(
    [sys.executable, str(SCRIPT), kind, str(path)],
    env=environment | {'TF_CPP_MIN_LOG_LEVEL': '3'} | extra,
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
  )


def results(process, path):
  """A list of the variables of each replica, by strategy and case."""
  output, _ = process.communicate(timeout=300)
  assert process.returncode == 0, output[-3000:]
  found = {}
  for name, array in np.load(path).items():
    strategy, case, replica, _ = name.split('/')
    cases = found.setdefault(strategy, {})
    cases.setdefault(case, {}).setdefault(replica, []).append(array)
  return {
    strategy: {case: [*each.values()] for case, each in cases.items()}
    for strategy, cases in found.items()
  }


@pytest.fixture(scope='module')
def devices(environment, tmp_path_factory):
  """What two devices of one process come to, and one device."""
  path = tmp_path_factory.mktemp('replicas') / 'variables.npz'
  return results(start(environment, 'devices', path), path)


def assert_same(cases, one):
  """Two replicas are equal to the bit, and near to one device."""
  for case, (first, second) in cases.items():
    [expected] = one[case]
    for a, b, c in zip(first, second, expected, strict=True):
      np.testing.assert_array_equal(a, b, err_msg=case)
      # Sums over two halves, for 50 steps: in float64, and in the float32 of
      # the cosine's projections.
      tolerance = 1e-5 if case == 'cosine' else 1e-9
      np.testing.assert_allclose(
        a, c, rtol=tolerance, atol=tolerance, err_msg=case
      )


def test_the_steps_do_something(devices):
  # No variable of the plain codebook stands still.
  [variables] = devices['one']['as sonnet']
  assert all(np.abs(value).max() > 0 for value in variables)


@pytest.mark.parametrize(
  'strategy, count', [('mirrored', 9), ('replicator', 3)]
)
def test_two_devices_of_one_process(strategy, count, devices):
  assert len(devices[strategy]) == count
  assert_same(devices[strategy], devices['one'])


def free_ports(count):
  sockets = [socket.socket() for _ in range(count)]
  for s in sockets:
    s.bind(('127.0.0.1', 0))
  ports = [s.getsockname()[1] for s in sockets]
  for s in sockets:
    s.close()
  return ports


def test_two_worker_processes(environment, devices, tmp_path):
  workers = [f'127.0.0.1:{port}' for port in free_ports(2)]
  started = []
  for index in range(2):
    cluster = {
      'cluster': {'worker': workers},
      'task': {'type': 'worker', 'index': index},
    }
    path = tmp_path / f'{index}.npz'
    config = json.dumps(cluster)
    process = start(
      environment,
      'workers',
      path,
      TF_CONFIG=config,
      no_proxy='127.0.0.1',
    )
    started.append((process, path))
  first, second = (results(*worker)['workers'] for worker in started)
  both = {case: [*first[case], *second[case]] for case in first}
  assert len(both) == 3
  assert_same(both, devices['one'])


def test_outside_a_replica_nothing_is_exchanged():
  values = {'a': tf.constant([1.0, 2.0])}
  assert replicas.total(values) is values
  assert replicas.rows(values['a']) is values['a']
  assert replicas.count() == 1 and replicas.index() == 0
