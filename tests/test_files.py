"""Files say if they were changed, and ask for no more memory than they have."""

import json

import numpy as np
import pytest

from vqvae_tf import files


def test_json_comes_back_without_its_digest(tmp_path):
  path = tmp_path / 'a.json'
  files.write_json(path, {'b': [1, 0.1, None], 'a': {'c': 'ä'}})
  assert files.read_json(path) == {'b': [1, 0.1, None], 'a': {'c': 'ä'}}
  assert len(json.loads(path.read_text())['digest']) == 32


def test_early_json_has_no_digest(tmp_path):
  path = tmp_path / 'a.json'
  path.write_text('{"a": 1}')
  assert files.read_json(path) == {'a': 1}


@pytest.mark.parametrize(
  'text, match',
  [
    ('{"a": 1, "digest": "0"}', 'its digest is that of other values'),
    ('{"a": 1, "a": 1}', 'a name comes twice'),
    ('[1]', 'it holds no names and values'),
    ('{"a": ' + 5_000 * '[', 'recursion|nested|Expecting'),
    ('{"a"', "Expecting ':' delimiter"),
  ],
)
def test_damaged_json_is_told(tmp_path, text, match):
  path = tmp_path / 'a.json'
  path.write_text(text)
  with pytest.raises(ValueError, match=match):
    files.read_json(path)


def test_arrays_come_back(tmp_path):
  path = tmp_path / 'a.npz'
  for compressed in (False, True):
    files.write_arrays(
      path, {'x': np.arange(5), 'y': np.array('z')}, compressed
    )
    found = files.read_arrays(path)
    assert found['x'].tolist() == [0, 1, 2, 3, 4] and str(found['y']) == 'z'


def test_a_bomb_is_not_unpacked(tmp_path):
  path = tmp_path / 'a.npz'
  files.write_arrays(path, {'x': np.zeros([2**24], np.uint8)}, compressed=True)
  assert path.stat().st_size < 2**15
  with pytest.raises(ValueError, match='it would unpack to 16777344 bytes'):
    files.read_arrays(path)


def test_no_pickle_is_opened(tmp_path):
  path = tmp_path / 'a.npz'
  np.savez(path, x=np.array([{}], object))
  with pytest.raises(ValueError, match='allow_pickle=False'):
    files.read_arrays(path)
