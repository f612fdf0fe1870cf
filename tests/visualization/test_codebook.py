import matplotlib.pyplot as plt
import numpy as np
import pytest
from google.protobuf import text_format
from tensorboard.plugins import projector

from vqvae_tf.visualization import codebook
from vqvae_tf.visualization.material import Inapplicable


@pytest.mark.parametrize('size, dim, methods', [(4, 3, 1), (5, 1, 2)])
def test_small_codebooks(size, dim, methods):
  vectors = np.random.default_rng(0).normal(size=(size, dim))
  places = codebook.planes(vectors, 0)
  assert len(places) == methods
  for name, points in places.items():
    assert points.shape == (size, 2), name
    assert np.all(np.isfinite(points))


def test_pca_keeps_distances_in_a_plane():
  rng = np.random.default_rng(0)
  flat = rng.normal(size=(4, 2)) @ rng.normal(size=(2, 5))
  [(name, points)] = codebook.planes(flat, 0).items()
  assert name == 'PCA (100 % of the variance)'
  np.testing.assert_allclose(
    np.linalg.norm(points[0] - points[1:], axis=1),
    np.linalg.norm(flat[0] - flat[1:], axis=1),
  )


def test_colours_are_use():
  vectors = np.random.default_rng(0).normal(size=(4, 3))
  counts = np.array([6, 0, 1, 3])
  figure = codebook.figure([codebook.Codebook('', vectors, counts)], 0)
  used, unused = figure.axes[0].collections
  # Most used first; code 1 was not used.
  np.testing.assert_allclose(used.get_array(), [60, 30, 10])
  assert len(unused.get_offsets()) == 1
  plt.close(figure)


def test_the_colour_bar_has_plain_numbers():
  vectors = np.random.default_rng(0).normal(size=(4, 3))
  counts = np.array([2, 20, 30, 48])
  figure = codebook.figure([codebook.Codebook('', vectors, counts)], 0)
  figure.canvas.draw()
  axis = figure.axes[-1].yaxis
  labels = [each.get_text() for each in axis.get_ticklabels(which='both')]
  plt.close(figure)
  assert {'5', '10', '20'} <= set(labels)
  assert not [label for label in labels if '10^' in label]


def test_a_projector_folder(tmp_path):
  codebooks = [
    codebook.Codebook('', np.array([[1.5, -2], [0, 1e-9]]), np.array([3, 1])),
    codebook.Codebook('', np.ones([3, 1]), np.array([1, 1, 2])),
  ]
  paths = codebook.write_projector(codebooks, tmp_path / 'projector')
  assert sorted(paths) == sorted((tmp_path / 'projector').iterdir())
  config = text_format.Parse(paths[-1].read_text(), projector.ProjectorConfig())
  first, second = config.embeddings
  assert list(first.tensor_shape) == [2, 2]
  assert list(second.tensor_shape) == [3, 1]
  folder = paths[-1].parent
  values = (folder / first.tensor_path).read_text()
  assert values == '1.5\t-2\n0\t1e-09\n'
  metadata = (folder / first.metadata_path).read_text().splitlines()
  assert metadata == [
    'code\tcount\t% of positions',
    '0\t3\t75.0000',
    '1\t1\t25.0000',
  ]


@pytest.mark.parametrize('kind', ['finite_scalar', 'lookup_free'])
def test_fixed_codes_are_no_codebook(make, tmp_path, kind):
  match = f'^--quantizer={kind} has no codebook: its codes are fixed'
  for draw in (codebook.draw, codebook.draw_projector):
    with pytest.raises(Inapplicable, match=match):
      draw(make(quantizer=kind), tmp_path)


def test_one_code_is_no_codebook(make, tmp_path):
  with pytest.raises(Inapplicable, match='^there is but one code'):
    codebook.draw(make([1]), tmp_path)
