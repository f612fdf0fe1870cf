import pytest

from vqvae_tf.serving import manifest


@pytest.fixture
def folder(tmp_path):
  (tmp_path / 'assets.extra').mkdir()
  (tmp_path / 'graph.pb').write_bytes(b'a program')
  (tmp_path / 'assets.extra' / 'README.md').write_text('card')
  manifest.write(tmp_path)
  return tmp_path


def test_whole(folder):
  assert manifest.exists(folder)
  manifest.check(folder)


def test_an_early_export_has_none(folder):
  (folder / manifest.PLACE).unlink()
  assert not manifest.exists(folder)
  manifest.check(folder)


@pytest.mark.parametrize(
  'content, match',
  [
    (b'A program', '^graph.pb is not as assets.extra/manifest.json says'),
    (b'a progra', '^graph.pb is not as assets.extra/manifest.json says'),
    (None, '^graph.pb is missing$'),
  ],
)
def test_a_changed_file_is_named(folder, content, match):
  (folder / 'graph.pb').unlink()
  if content is not None:
    (folder / 'graph.pb').write_bytes(content)
  with pytest.raises(ValueError, match=match):
    manifest.check(folder)


def test_what_is_added_changes_nothing(folder):
  (folder / 'notes.txt').write_text('mine')
  manifest.check(folder)


def test_a_damaged_manifest_is_named(folder):
  path = folder / manifest.PLACE
  path.write_text(path.read_text().replace('graph', 'grapf'))
  match = '^assets.extra/manifest.json is damaged: its digest is that of other'
  with pytest.raises(ValueError, match=match):
    manifest.check(folder)
