"""A shipped model behind a real TensorFlow Serving, where one is installed."""

import json
import pathlib
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
import tensorflow as tf

MODELS = pathlib.Path(__file__).resolve().parents[2] / 'assets' / 'models'
_SERVER = shutil.which('tensorflow_model_server')


@pytest.fixture(scope='module')
def url(tmp_path_factory):
  """Starts a server of the MNIST model; gives the address of its REST form."""
  if not _SERVER:
    pytest.skip('tensorflow_model_server is not installed')
  folder = tmp_path_factory.mktemp('served')
  shutil.copytree(MODELS / 'mnist', folder / '1')
  with socket.socket() as found:
    found.bind(('127.0.0.1', 0))
    port = found.getsockname()[1]
  process = subprocess.Popen(
    [
      _SERVER,
      '--port=0',
      f'--rest_api_port={port}',
      '--model_name=mnist',
      f'--model_base_path={folder}',
    ]
  )
  address = f'http://127.0.0.1:{port}/v1/models/mnist'
  try:
    for _ in range(120):
      try:
        urllib.request.urlopen(address).read()
        break
      except urllib.error.URLError:
        time.sleep(0.5)
    yield address
  finally:
    process.terminate()
    process.wait(30)


def test_rest(url):
  images = np.zeros([2, 28, 28, 1], np.uint8)
  request = {'signature_name': 'encode', 'inputs': {'images': images.tolist()}}
  body = json.dumps(request).encode()
  with urllib.request.urlopen(f'{url}:predict', body) as answer:
    found = json.load(answer)['outputs']
  model = tf.saved_model.load(str(MODELS / 'mnist')).signatures
  wanted = model['encode'](images=tf.constant(images))['codes']
  np.testing.assert_array_equal(found, wanted)
