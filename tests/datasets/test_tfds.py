import http.server
import threading
import time

import numpy as np
import pytest
import requests

from vqvae_tf.datasets import idx, tfds
from vqvae_tf.errors import UserError

library = pytest.importorskip('tensorflow_datasets')


class TinyPublished(library.core.GeneratorBasedBuilder):
  """A small set, prepared the way the real ones are."""

  VERSION = library.core.Version('3.0.1')
  examples = ()

  def _info(self):
    return library.core.DatasetInfo(
      builder=self,
      features=library.features.FeaturesDict(
        {
          'image': library.features.Image(shape=(28, 28, 1)),
          'label': library.features.ClassLabel(num_classes=10),
        }
      ),
      supervised_keys=('image', 'label'),
    )

  def _split_generators(self, dl_manager):
    return {'train': self._generate_examples()}

  def _generate_examples(self):
    for i, (image, label) in enumerate(self.examples):
      yield i, {'image': image[..., None], 'label': int(label)}


def test_prepared_data_comes_in_the_published_order(tmp_path, idx_examples):
  images, labels = idx_examples
  builder = TinyPublished(data_dir=str(tmp_path))
  builder.examples = list(zip(images, labels, strict=True))
  builder.download_and_prepare()
  path = tfds.find(tmp_path, 'tiny_published')
  assert path == tmp_path / 'tiny_published' / '3.0.1'
  arrays = tfds.tfds_arrays(path, 'train')
  np.testing.assert_array_equal(arrays.images, images[..., None])
  np.testing.assert_array_equal(arrays.labels, labels)
  assert arrays.images.dtype == np.uint8 and arrays.labels.dtype == np.int32
  with pytest.raises(UserError, match='not the published train .*, expected 5'):
    tfds.tfds_arrays(path, 'train', labels_crc32=5)
  with pytest.raises(UserError, match='3.0.1 cannot be read: .*test'):
    tfds.tfds_arrays(path, 'test')
  record = next(path.glob('*.tfrecord*'))
  record.write_bytes(record.read_bytes()[:-100])
  with pytest.raises(UserError, match='3.0.1 cannot be read: '):
    tfds.tfds_arrays(path, 'train')


def test_the_newest_whole_version_is_found(tmp_path):
  assert tfds.find(tmp_path / 'nowhere', 'mnist') is None
  for version in ('3.0.9', '3.0.10', 'incomplete.X_4.0.0', '5.0.0.incomplete'):
    folder = tmp_path / 'mnist' / version
    folder.mkdir(parents=True)
    (folder / 'dataset_info.json').touch()
  (tmp_path / 'mnist' / '9.0.0').mkdir()
  assert tfds.find(tmp_path, 'mnist').name == '3.0.10'


def test_the_default_folder_heeds_the_environment(monkeypatch, tmp_path):
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path))
  assert tfds.default_dir() == tmp_path
  monkeypatch.delenv('TFDS_DATA_DIR')
  assert tfds.default_dir().name == 'tensorflow_datasets'


@pytest.mark.parametrize('name', ['mnist', 'fashion_mnist', 'cifar10'])
def test_no_network_is_noticed_at_once(tmp_path, no_network, name):
  assert tfds.download(tmp_path, name) is None
  assert not list(tmp_path.iterdir())


def test_a_host_that_never_answers_is_given_up(tmp_path, monkeypatch):
  def hang(*_, **__):
    time.sleep(1)
    raise requests.ConnectionError

  monkeypatch.setattr(requests, 'head', hang)
  monkeypatch.setattr(tfds, '_PROBE_SECONDS', 0.05)
  start = time.monotonic()
  assert tfds.download(tmp_path, 'mnist') is None
  assert time.monotonic() - start < 1


class _Handler(http.server.BaseHTTPRequestHandler):
  def do_HEAD(self):
    self.send_response(200 if self.path == '/there' else 404)
    self.end_headers()

  def log_message(self, *_):
    pass


def test_a_host_answers_for_a_file_that_it_has(monkeypatch):
  monkeypatch.setenv('no_proxy', '127.0.0.1')
  with http.server.HTTPServer(('127.0.0.1', 0), _Handler) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f'http://127.0.0.1:{server.server_port}'
    assert tfds._answers(f'{url}/there')
    assert not tfds._answers(f'{url}/elsewhere')
    server.shutdown()


def test_a_failed_download_is_one_line(tmp_path, monkeypatch):
  def fail(*_, **__):
    raise RuntimeError('disk full\nand more')

  monkeypatch.setattr(tfds, '_answers', lambda url: True)
  monkeypatch.setattr(library.core.DatasetBuilder, 'download_and_prepare', fail)
  with pytest.raises(UserError, match='download of mnist to .*: disk full$'):
    tfds.download(tmp_path, 'mnist')


def test_real_mnist_prepared_equals_the_files(tmp_path, real_data):
  folder = real_data('mnist', 'train-images-idx3-ubyte.gz')
  builder = library.builder('mnist', data_dir=str(tmp_path))
  builder.download_and_prepare(
    download_config=library.download.DownloadConfig(manual_dir=str(folder))
  )
  path = tfds.find(tmp_path, 'mnist')
  for part, labels_crc32 in (('train', 3121080559), ('test', 4001760473)):
    arrays = tfds.tfds_arrays(path, part, labels_crc32)
    published = idx.read(*idx.find(folder, part))
    np.testing.assert_array_equal(arrays.images, published.images)
    np.testing.assert_array_equal(arrays.labels, published.labels)
