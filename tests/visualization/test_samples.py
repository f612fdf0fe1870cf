import numpy as np
import pytest

from vqvae_tf.visualization import samples
from vqvae_tf.visualization.material import Inapplicable


def test_a_row_for_each_class(make, tmp_path, drawn):
  # It needs no data.
  material = make(num_classes=3, data=None)
  [path] = samples.draw(material, tmp_path)
  assert path == tmp_path / 'samples.png'
  strip, uniform = drawn
  assert list(strip.rows) == ['a', 'b', 'c']
  assert len(strip.batch) == 3 * strip.columns
  # Class y is drawn in the colour 10 (y + 1).
  levels = strip.batch[:, 0, 0, 0].reshape(3, -1)
  assert levels.tolist() == [[10 * (y + 1)] * strip.columns for y in range(3)]
  # A name in each row keeps its images as large as the others.
  assert list(uniform.rows) == ['uniform', '', '']
  assert 'learned' in strip.title and 'uniform' in uniform.title


def test_the_uniform_prior_has_all_codes_of_each_codebook(
  make, tmp_path, drawn
):
  material = make(sizes=(16, 3), num_classes=0, data=None)
  given, decode = [], material.subject.decode
  material.subject.decode = lambda batch: given.append(batch) or decode(batch)
  samples.draw(material, tmp_path)
  [codes] = given
  assert codes.shape == (30, 2, 3, 2)
  for m, size in enumerate((16, 3)):
    assert set(codes[..., m].flat) == set(range(size))
  # Of the same seed the same.
  samples.draw(material, tmp_path)
  np.testing.assert_array_equal(drawn[1].batch, drawn[3].batch)


def test_of_no_class(make, tmp_path, drawn):
  samples.draw(make(num_classes=0, data=None), tmp_path)
  strip, uniform = drawn
  assert not strip.rows and len(strip.batch) == 5 * strip.columns
  assert not uniform.rows and len(uniform.batch) == 3 * uniform.columns
  np.testing.assert_array_equal(strip.batch, 0)


def test_no_prior(make, tmp_path):
  match = '^arithmetic has no prior: train one with bin/prior$'
  with pytest.raises(Inapplicable, match=match):
    samples.draw(make(), tmp_path)
