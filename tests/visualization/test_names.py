import pytest

from vqvae_tf.errors import UserError
from vqvae_tf.visualization import gallery, names


def test_every_name_can_be_drawn():
  assert list(gallery.DRAW) == list(names.PICTURES)


def test_all_that_can_be_drawn():
  assert names.chosen(None, True) == list(names.PICTURES)
  without = set(names.PICTURES) - set(names.chosen(None, False))
  assert without == {'curves', 'animation'}


def test_some():
  assert names.chosen(['walk', 'codes'], False) == ['walk', 'codes']
  assert names.needs_data(['curves', 'codes'])
  assert not names.needs_data(['curves', 'animation'])


@pytest.mark.parametrize(
  'only, match',
  [
    ([], '^--only=: give one or more of reconstructions,extremes,codes,'),
    (['codes', 'wlak'], '^--only=codes,wlak: give one or more of .*walk'),
    (['curves'], '^--only=curves: curves needs the history of a run: give --w'),
  ],
)
def test_what_cannot_be_drawn(only, match):
  with pytest.raises(UserError, match=match):
    names.chosen(only, False)


def test_the_list():
  lines = names.listed().splitlines()
  assert [line.split()[0] for line in lines] == list(names.PICTURES)
  assert lines[-1].endswith(
    'reconstructions over training: GIF (with --workdir)'
  )
