import pytest

from vqvae_tf import configs
from vqvae_tf.configs import Kinds, PriorConfig, Range
from vqvae_tf.errors import UserError

FIELDS = {
  (type(config).__name__, field.name): field
  for config in (configs.Config(), PriorConfig())
  for field, _ in configs.fields(config)
}
fields = pytest.mark.parametrize('field', FIELDS.values(), ids=map(str, FIELDS))


@pytest.mark.parametrize(
  'within, text, inside, outside',
  [
    (Range(1, 3), '[1, 3]', [1, 2.5, 3], [0, 4, -1]),
    (Range(0, 1, open_high=True), '[0, 1)', [0, 0.999], [-1e-9, 1, 1.0]),
    (Range(0, 1e30, open_low=True), '(0, 1e+30]', [1e-30, 1e30], [0, 2e30]),
  ],
)
def test_a_range(within, text, inside, outside):
  assert str(within) == text
  for value in inside:
    assert value in within
  for value in (*outside, float('nan'), float('inf'), -float('inf')):
    assert value not in within


def test_what_follows_a_colon_is_of_the_kind():
  kinds = Kinds('dataset', ('image_folder', 'tfds:NAME'))
  assert kinds.has('tfds:mnist') and kinds.has('image_folder')
  assert not kinds.has('mnist') and not kinds.has('tfds')
  config = configs.replace(configs.Config(), dataset='tfds:mnist/small')
  assert configs.counts(config, FIELDS['Config', 'split'])
  with pytest.raises(UserError, match='--dataset=tdfs:mnist is unknown: '):
    configs.replace(configs.Config(), dataset='tdfs:mnist')


def test_kinds_in_words():
  assert (
    str(Kinds('decoder', ('autoregressive',))) == '--decoder=autoregressive'
  )
  assert str(Kinds('quantizer', ('a', 'b'))) == '--quantizer=a or b'
  assert str(Kinds('quantizer', ('a', 'b', 'c'))) == '--quantizer=a, b or c'


@pytest.mark.parametrize(
  'name, text',
  [
    ('flip', 'half of the training images, drawn anew each time, are mirrored'),
    (
      'num_codebooks',
      'codes M per position; in [1, 1024]; for --quantizer=product or residual',
    ),
    (
      'unused_codes',
      'what becomes of unused codes: sonnet, keep, restart; for '
      '--quantizer=ema, gradient, product, residual or cosine',
    ),
    (
      'decay',
      'decay of the moving averages; in [0, 1); for --quantizer=ema, '
      'product, residual or cosine',
    ),
  ],
)
def test_what_help_says(name, text):
  assert configs.described(FIELDS['Config', name]) == text


@fields
def test_numbers_have_a_range_around_their_default(field):
  within = field.metadata['within']
  assert (within is not None) == (field.type in (int, float))
  if within:
    assert field.default in within
    # Tensors of 64 bits and float32 hold every value.
    assert -(2**63) <= within.low < within.high
    assert within.high < (2**63 if field.type is int else 3.4e38)


@fields
def test_kinds_are_choices_of_another_field(field):
  only = field.metadata['only']
  if not only:
    return
  kinds = FIELDS['Config', only.field].metadata['choices']
  assert only.field != field.name
  assert set(only.names) < set(kinds)
