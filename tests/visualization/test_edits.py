import numpy as np
import pytest

from vqvae_tf.visualization import edits


def test_one_place_takes_all_values():
  codes = np.arange(12).reshape(2, 3, 2)
  edited = edits.with_values(codes, (1, 2, 0), [7, 8])
  assert edited[:, 1, 2, 0].tolist() == [7, 8]
  assert np.count_nonzero(edited - codes) == 2
  assert codes[1, 2, 0] == 10


def test_likeliest():
  there, anywhere = np.array([0, 1, 0, 2]), np.array([4, 5, 1, 3])
  assert edits.likeliest(there, anywhere, 3, 3).tolist() == [3, 1, 0]
  assert edits.likeliest(there, anywhere, 2, 3).tolist() == [3, 1, 2]


def test_influence_by_hand():
  decoded = np.zeros([2, 1, 2, 3], np.uint8)
  edited = np.zeros([2, *decoded.shape], np.uint8)
  edited[1, 0, 0, 1] = 3, 6, 9
  edited[1, 1, 0, 1] = 12, 0, 0
  maps = edits.influence(decoded, edited)
  assert maps.tolist() == [[[0, 0]], [[0, 5]]]


@pytest.mark.parametrize(
  'position, rows, columns',
  [
    ((0, 0), slice(0, 16), slice(0, 8)),
    ((5, 10), slice(8, 32), slice(14, 28)),
    ((7, 15), slice(16, 32), slice(24, 32)),
  ],
)
def test_what_is_around_a_position(position, rows, columns):
  # Of 8 x 16 positions in 32 x 32 pixels.
  assert edits.window(position, (8, 16), (32, 32)) == (rows, columns)
  top, left, tall, wide = edits.cell(position, (8, 16), (32, 32))
  assert (tall, wide) == (4, 2)
  assert rows.start <= top < top + tall <= rows.stop
  assert columns.start <= left < left + wide <= columns.stop


def test_a_grid_for_each_codebook(make, drawn, tmp_path):
  edits.draw(make([4, 100]), tmp_path)
  whole, small, large = drawn
  assert whole.title.startswith('position (1, 1) of 2 x 3 takes other codes')
  assert small.title == 'codebook 0: all 4 codes (framed: its own)'
  assert small.labels == ['0', '1', '2', '3']
  title = 'codebook 1: the 32 most used there, of 100 codes'
  assert large.title.startswith(title)
  assert len(large.batch) == 32
  # The position has the pixel 14 + 10 i of image i. (Anywhere, code 0 is used
  # more often than code 10.)
  assert set(large.labels[:10]) == {str(1 + i) for i in range(10)}
  # The position's block takes the colours of the codes.
  assert small.batch[:, 2, 2, 0].tolist() == [0, 10, 20, 30]


@pytest.mark.parametrize('decoder', ['factorized', 'autoregressive'])
def test_a_position_acts_in_its_cell(make, drawn, tmp_path, decoder):
  # The noise of samples is the same before and after.
  edits.draw_influence(make(decoder=decoder), tmp_path)
  [strip] = drawn
  assert strip.batch.shape == (6, 4, 6)
  assert [mark.index for mark in strip.marks] == list(range(6))
  for mark, influence in zip(strip.marks, strip.batch, strict=True):
    top, left, height, width = map(int, mark.box)
    inside = influence[top : top + height, left : left + width]
    assert 0 < inside.sum() == influence.sum()
