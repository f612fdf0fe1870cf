import pytest
from PIL import Image

from vqvae_tf.serving import load
from vqvae_tf.visualization import gallery, names
from vqvae_tf.visualization.material import Material

_FILES = [
  'reconstructions.png',
  'extremes.png',
  'codes.png',
  'surprise.png',
  'usage.png',
  'codebook.png',
  'projector/codebook_0_vectors.tsv',
  'projector/codebook_0_metadata.tsv',
  'projector/projector_config.pbtxt',
  'edits.png',
  'influence.png',
  'walk.gif',
  'walk.png',
  'interpolation.gif',
  'interpolation.png',
  'mixing.png',
  'samples.png',
  'curves.png',
  'animation.gif',
]


def test_all_pictures(
  with_prior, exported_with_prior, digits, tmp_path, monkeypatch
):
  monkeypatch.setenv('PATH', str(tmp_path))
  subject = load.from_export(exported_with_prior)
  material = Material(subject, digits['test'], with_prior, num_frames=9)
  folder = tmp_path / 'new' / 'pictures'
  lines = list(gallery.draw(names.PICTURES, material, folder))
  assert lines == [f'drawn: {folder / name}' for name in _FILES]
  for name in _FILES:
    if name.endswith(('.png', '.gif')):
      with Image.open(folder / name) as picture:
        picture.load()
        assert picture.width >= 60 and picture.height >= 50


def test_what_cannot_be_drawn_is_said(make, tmp_path):
  material = make(quantizer='lookup_free')
  lines = list(gallery.draw(['codebook', 'codes'], material, tmp_path))
  assert lines == [
    'not drawn: codebook, for --quantizer=lookup_free has no codebook: its '
    'codes are fixed',
    f'drawn: {tmp_path}/codes.png',
  ]


def test_a_full_disk(make, tmp_path):
  (tmp_path / '.codes.png.partial').symlink_to('/dev/full')
  with pytest.raises(OSError, match='cannot write .*codes.png: .*No space'):
    list(gallery.draw(['codes'], make(), tmp_path))
  assert list(tmp_path.iterdir()) == []
