"""metrics.jsonl: a last line may be cut off, all other damage is named."""

import pytest

from vqvae_tf.errors import UserError
from vqvae_tf.runs import history


@pytest.fixture
def path(tmp_path):
  path = tmp_path / 'metrics.jsonl'
  for step in (2, 4, 6):
    history.append(path, step, 'train', {'loss': step / 7})
  return path


def test_entries(path):
  assert history.read(path)[1] == {'step': 4, 'group': 'train', 'loss': 4 / 7}
  assert history.read(path.with_name('none')) == []


def test_cut_back(path):
  before = path.read_text().splitlines()
  history.cut_back(path, 4)
  assert path.read_text().splitlines() == before[:2]


def test_a_last_line_that_was_cut_off_is_left_out(path):
  text = path.read_text()
  path.write_text(text[:-9])
  assert [entry['step'] for entry in history.read(path)] == [2, 4]
  # Without its end of line alone it is whole.
  path.write_text(text[:-1])
  assert [entry['step'] for entry in history.read(path)] == [2, 4, 6]


@pytest.mark.parametrize(
  'old, new',
  [
    (b'"step": 4', b'"step": 5'),
    (b'"step": 4', b'"step: 4'),
    (b'"step": 4', b'"stop": 4'),
    (b'"crc"', b'"crd"'),
    (b'train', b'tr\xffin'),
  ],
)
def test_other_damage_is_named_and_nothing_is_lost(path, old, new):
  *lines, _ = path.read_bytes().split(b'\n')
  lines[1] = lines[1].replace(old, new)
  damaged = b'\n'.join(lines) + b'\n'
  path.write_bytes(damaged)
  with pytest.raises(UserError, match='metrics.jsonl is damaged in line 2 or '):
    history.cut_back(path, 6)
  assert path.read_bytes() == damaged


def test_the_way_out_is_one(path):
  first, second, last, _ = path.read_bytes().split(b'\n')
  path.write_bytes(b'\n'.join([first, second.replace(b'4', b'5'), last, b'']))
  with pytest.raises(
    UserError, match='line 2 .*remove that line and all after'
  ):
    history.read(path)
  path.write_bytes(first + b'\n')
  history.append(path, 4, 'train', {'loss': 0.5})
  assert [entry['step'] for entry in history.read(path)] == [2, 4]


def test_a_line_that_is_gone_is_missed(path):
  first, _, last, _ = path.read_bytes().split(b'\n')
  path.write_bytes(first + b'\n' + last + b'\n')
  with pytest.raises(UserError, match='metrics.jsonl is damaged in line 2 or '):
    history.read(path)


def test_early_entries_have_no_checksum(path):
  path.write_text('{"step": 1, "group": "train", "loss": 0.5}\n')
  history.append(path, 2, 'train', {'loss': 0.25})
  assert [entry['loss'] for entry in history.read(path)] == [0.5, 0.25]
  path.write_text(path.read_text().replace('0.5', '0.6'))
  with pytest.raises(UserError, match='metrics.jsonl is damaged in line 2 or '):
    history.read(path)
