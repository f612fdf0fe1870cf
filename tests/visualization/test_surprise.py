import numpy as np
import pytest

from vqvae_tf.visualization import surprise
from vqvae_tf.visualization.material import Inapplicable


def test_bits_by_hand():
  strip = surprise.strip('t', np.array([[[3.0, 0], [0, 1]]]), 'u', 16)
  assert list(strip.labels) == ['0.250 bits/dim']
  assert (strip.title, strip.scale.label) == ('t', 'u')
  assert strip.scale.low == 0 and 1 <= strip.scale.high <= 3


def test_pixels_and_codes(make, tmp_path, drawn):
  material = make((16, 16), num_classes=3)
  [path] = surprise.draw(material, tmp_path)
  assert path == tmp_path / 'surprise.png'
  originals, pixels, codes = drawn
  np.testing.assert_array_equal(originals.batch, material.images[:8])
  np.testing.assert_array_equal(pixels.batch, originals.batch[..., 0])
  # Both codes of a position, given the likeliest class.
  distance = material.codes[:8] - material.labels[:8, None, None, None]
  np.testing.assert_array_equal(codes.batch, np.abs(distance).sum(-1))
  assert codes.title.endswith('the likeliest class (uniform: 8.0)')
  total = np.abs(distance[0]).sum() / 24
  assert codes.labels[0] == f'{total:.3f} bits/dim'


def test_no_prior(make, tmp_path, drawn):
  surprise.draw(make(), tmp_path)
  assert len(drawn) == 2


def test_nothing_is_known(make, tmp_path):
  material = make(others={'pixel_bits': None})
  match = '^arithmetic has no prior, and was exported before .*: export the run'
  with pytest.raises(Inapplicable, match=match):
    surprise.draw(material, tmp_path)
