"""A batch in parts, whose gradients add up to that of the batch."""

import pytest

from vqvae_tf.runs import history

# Nothing that time decides can be the same in two runs.
_TIMES = ('images_per_second', 'seconds')


def _losses(workdir):
  return [
    {k: v for k, v in entry.items() if k not in _TIMES}
    for entry in history.read(workdir.metrics_path)
  ]


_IN_PARTS = {
  'initialization': 'variance_scaling',
  'unused_codes': 'keep',
  'learning_rate': 1e-2,
}


@pytest.mark.parametrize(
  'settings',
  [
    {'quantizer': 'ema', 'unused_codes': 'sonnet'},
    {'quantizer': 'gradient', 'compile': 'xla'},
    {'quantizer': 'residual', 'num_codebooks': 2, 'precision': 'mixed_float16'},
  ],
  ids=str,
)
def test_parts_of_a_batch_equal_the_batch(train, settings):
  settings = _IN_PARTS | settings | {'steps': 6}
  whole = train('whole', **settings)
  parts = train('parts', **settings, accumulation_steps=4)
  # Sums of 2 rows and of 8 round otherwise, in 16 bits by far.
  rough = settings.get('precision') is not None
  for ours, theirs in zip(_losses(parts), _losses(whole), strict=True):
    assert ours.pop('group') == theirs.pop('group')
    assert ours == pytest.approx(theirs, rel=2e-3 if rough else 1e-5)
