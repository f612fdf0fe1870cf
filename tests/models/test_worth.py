"""Small jobs go without XLA, large ones are compiled first."""

import pytest

from vqvae_tf.models import worth


@pytest.mark.parametrize(
  'num_calls, num_steps, batch, num_masses, saves',
  [
    # A picture of ten classes, 16x16 codes of 4,096; then thousands.
    (10, 256, 7, 4096, False),
    (160, 256, 64, 4096, True),
    # A step of many examples and few masses is all work.
    (160, 256, 64, 0, False),
    # Frames of a film, one by one.
    (16, 256, 1, 0, False),
    (100, 256, 1, 0, True),
  ],
)
def test_by_size(num_calls, num_steps, batch, num_masses, saves):
  found = worth.saves_time(num_calls, num_steps, batch, num_masses)
  assert found == saves
