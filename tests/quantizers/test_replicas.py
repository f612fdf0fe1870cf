"""Two replicas train as one device does, and stay equal to the bit."""

import json
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.quantizers import replicas

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
  """The variables by case and replica."""
  output, _ = process.communicate(timeout=300)
  assert process.returncode == 0, output[-3000:]
  cases = {}
  for name, array in np.load(path).items():
    case, replica, _ = name.split('/')
    cases.setdefault(case, {}).setdefault(replica, []).append(array)
  return cases


def assert_same(cases, names):
  assert len(cases) == 9
  for case, variables in cases.items():
    assert set(variables) == {*names, 'one'}
    for name in names:
      for a, b in zip(variables[name], variables[names[0]], strict=True):
        np.testing.assert_array_equal(a, b, err_msg=case)
      for a, b in zip(variables[name], variables['one'], strict=True):
        # Sums over two halves, for 50 steps: in float64, and in the float32 of
        # the cosine's projections.
        tolerance = 1e-5 if case == 'cosine' else 1e-9
        np.testing.assert_allclose(
          a, b, rtol=tolerance, atol=tolerance, err_msg=case
        )
  # The steps did something: no variable of the plain codebook stands still.
  first = cases['as sonnet']['one']
  assert all(np.abs(value).max() > 0 for value in first)


@pytest.mark.parametrize('kind', ['mirrored', 'replicator'])
def test_two_devices_of_one_process(kind, environment, tmp_path):
  path = tmp_path / 'variables.npz'
  assert_same(results(start(environment, kind, path), path), ['0', '1'])


def free_ports(count):
  sockets = [socket.socket() for _ in range(count)]
  for s in sockets:
    s.bind(('127.0.0.1', 0))
  ports = [s.getsockname()[1] for s in sockets]
  for s in sockets:
    s.close()
  return ports


def test_two_worker_processes(environment, tmp_path):
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
      'multi_worker',
      path,
      TF_CONFIG=config,
      no_proxy='127.0.0.1',
    )
    started.append((process, path))
  first, second = (results(*worker) for worker in started)
  assert_same(first, ['0'])
  assert_same(second, ['0'])
  for case, variables in first.items():
    for a, b in zip(variables['0'], second[case]['0'], strict=True):
      np.testing.assert_array_equal(a, b, err_msg=case)


def test_outside_a_replica_nothing_is_exchanged():
  values = {'a': tf.constant([1.0, 2.0])}
  assert replicas.total(values) is values
  assert replicas.rows(values['a']) is values['a']
  assert replicas.count() == 1 and replicas.index() == 0
