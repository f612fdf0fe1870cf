import numpy as np
import pytest

from vqvae_tf.datasets import splits


# Their SHA-256 begins with c8, df, f8 and bd: 0.8 is 0xcc.., 0.9 is 0xe6...
@pytest.mark.parametrize(
  'name, split',
  [
    ('cat/6.jpg', 'train'),
    ('cat/7.jpg', 'validation'),
    ('cat/9.jpg', 'test'),
    ('dog/é.png', 'train'),
  ],
)
def test_names_by_hand(name, split):
  assert splits.by_name(name) == split


def test_names_that_are_no_text_have_a_split():
  assert splits.by_name('a/\udcff.png') in ('train', 'validation', 'test')


def test_shares_of_names():
  of = [splits.by_name(f'cat/{i}.jpg') for i in range(10_000)]
  # 4 standard deviations of 30.
  assert of.count('validation') == pytest.approx(1000, abs=120)
  assert of.count('test') == pytest.approx(1000, abs=120)


def test_tenths_by_hand():
  assert splits.tenths(12, 'train').tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 10, 11]
  assert splits.tenths(12, 'validation').tolist() == [8]
  assert splits.tenths(12, 'test').tolist() == [9]


def test_tenths_cover_everything_once():
  parts = [splits.tenths(1797, s) for s in ('train', 'validation', 'test')]
  assert sorted(np.concatenate(parts)) == list(range(1797))


@pytest.mark.parametrize(
  'total, held_out', [(60_000, 5_000), (50_000, 5_000), (40, 4), (9, 0)]
)
def test_validation_is_the_end_of_the_training_data(total, held_out):
  train = splits.training_range(total, 'train')
  validation = splits.training_range(total, 'validation')
  assert (train.start, train.stop) == (0, total - held_out)
  assert (validation.start, validation.stop) == (total - held_out, total)
