import dataclasses
import json

import pytest

from vqvae_tf import configs
from vqvae_tf.configs import PriorConfig
from vqvae_tf.configs.prior import UNUSED
from vqvae_tf.errors import UserError

FIELDS = list(configs.fields(PriorConfig()))


def observed(**values):
  config = dataclasses.replace(
    PriorConfig(),
    grid=(4, 5),
    codebook_sizes=(16, 8, 8),
    num_dims=300,
    class_names=('zero', 'one'),
    fingerprint='abc',
  )
  return configs.replace(config, **values)


def other_value(field, value):
  if field.metadata['choices']:
    return next(c for c in field.metadata['choices'] if c != value)
  if field.type is bool:
    return not value
  # Shares are below one.
  return value / 2 or 0.5 if field.type is float else value + 1


@pytest.mark.parametrize(
  'field, value', FIELDS, ids=[field.name for field, _ in FIELDS]
)
def test_json_keeps_every_field(field, value):
  config = observed(**{field.name: other_value(field, value)})
  assert config != observed()
  assert configs.from_json(configs.to_json(config), PriorConfig) == config


def test_json_before_anything_is_observed():
  config = PriorConfig()
  assert configs.from_json(configs.to_json(config), PriorConfig) == config


@pytest.mark.parametrize(
  'name, value', [('grid', 4), ('codebook_sizes', None), ('num_dims', '300')]
)
def test_damaged_observations_are_refused(name, value):
  sections = json.loads(configs.to_json(observed())) | {name: value}
  with pytest.raises(UserError, match=f'is damaged: .*{name}='):
    configs.from_json(json.dumps(sections), PriorConfig)


def test_names_are_unique_across_sections():
  names = [field.name for field, _ in FIELDS]
  assert len(names) == len(set(names))
  assert set(UNUSED) < set(names)


@pytest.mark.parametrize(
  'name, value, message',
  [
    (
      'network',
      'wavnet',
      "--network=wavnet is unknown: did you mean 'wavenet'",
    ),
    ('dropout', 1.0, r'--dropout=1.0 must be in \[0, 1\)'),
    ('patience', -1, r'--patience=-1 must be in \[0, 1000000000\]'),
    ('num_layers', 0, r'--num_layers=0 must be in \[1, 1000\]'),
  ],
)
def test_bad_values_are_refused(name, value, message):
  with pytest.raises(UserError, match=message):
    observed(**{name: value})


def test_zero_turns_dropout_and_patience_off():
  config = observed(dropout=0, patience=0)
  assert config.network.dropout == config.run.patience == 0


def test_what_may_change_on_resume():
  old = observed()
  configs.check_resumable(old, observed(patience=3, steps=4), 'runs/x')
  match = '--dropout=0.1, not 0.2: leave that flag as it was, or remove it'
  with pytest.raises(UserError, match=match):
    configs.check_resumable(old, observed(dropout=0.2), 'runs/x', 'remove it')
  new = dataclasses.replace(old, fingerprint='abd')
  with pytest.raises(
    UserError, match='with fingerprint abc, not abd: .*remove'
  ):
    configs.check_resumable(old, new, 'runs/x', 'remove it')


def test_what_follows_from_the_codes():
  assert observed().num_codes == 4 * 5 * 3
  assert observed().num_classes == 2
  assert observed(conditional=False).num_classes == 0
  # One class is none.
  assert dataclasses.replace(observed(), class_names=('a',)).num_classes == 0
  assert dataclasses.replace(observed(), class_names=()).num_classes == 0
