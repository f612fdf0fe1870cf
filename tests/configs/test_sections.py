import dataclasses
import json
import re

import pytest

from vqvae_tf import configs
from vqvae_tf.errors import UserError

FIELDS = {field.name: field for field, _ in configs.fields(configs.Config())}
RESUMABLE = {
  'data_dir',
  'steps',
  'evaluate_every',
  'log_every',
  'distribute',
  'compile',
}


def observed(**values):
  config = configs.replace(configs.Config(), **values)
  return configs.observed(config, (28, 28, 1), ('zero', 'one'))


def other_value(field):
  """Another value that fits the field."""
  if field.metadata['choices']:
    return next(c for c in field.metadata['choices'] if c != field.default)
  if field.type is str:
    return 'other'
  if field.type is bool:
    return not field.default
  # Decay is below one.
  return field.default / 2 or 0.5 if field.type is float else field.default + 1


def test_names_are_unique_across_sections():
  # Each name is a flag.
  names = [field.name for field, _ in configs.fields(configs.Config())]
  assert len(names) == len(set(names))


@pytest.mark.parametrize('field', FIELDS.values(), ids=FIELDS)
def test_every_field_can_be_a_flag(field):
  assert field.type in (str, int, float, bool)
  assert type(field.default) is field.type
  assert len(field.metadata['help']) > 5


def test_configs_are_frozen():
  with pytest.raises(dataclasses.FrozenInstanceError):
    configs.Config().run.steps = 3


def test_replace_finds_the_section():
  config = configs.replace(
    configs.Config(), steps=7, decay=0.5, dataset='digits'
  )
  assert config.run.steps == 7
  assert config.quantizer.decay == 0.5
  assert config.data.dataset == 'digits'
  assert configs.replace(config, steps=10_000).run == configs.RunConfig()
  assert configs.Config().run.steps == 10_000


def test_command_gives_the_configuration_again():
  config = configs.replace(
    configs.Config(), dataset='digits', flip=True, decay=0.5
  )
  text = configs.command(config)
  assert text == 'bin/train --dataset=digits --flip=True --decay=0.5'
  assert configs.command(configs.Config()) == 'bin/train'


def test_json_round_trip():
  config = observed(learning_rate=1e-3 / 3, data_dir='a "b"/ü', seed=2**40)
  assert configs.from_json(configs.to_json(config), configs.Config) == config


@pytest.mark.parametrize('field', FIELDS.values(), ids=FIELDS)
def test_json_keeps_every_field(field):
  config = observed(**{field.name: other_value(field)})
  assert config != observed()
  assert configs.from_json(configs.to_json(config), configs.Config) == config


def test_json_of_an_older_version_means_the_defaults():
  sections = json.loads(configs.to_json(observed(seed=3)))
  for section, name in (('data', 'flip'), ('optimizer', 'average_decay')):
    del sections[section][name]
  assert configs.from_json(json.dumps(sections), configs.Config) == observed(
    seed=3
  )


def test_json_without_observed_images():
  config = configs.Config()
  assert configs.from_json(configs.to_json(config), configs.Config) == config


def test_json_is_sorted_by_sections():
  sections = json.loads(configs.to_json(observed()))
  assert sections['image_shape'] == [28, 28, 1]
  assert sections['class_names'] == ['zero', 'one']
  assert sections['run']['steps'] == 10_000


@pytest.mark.parametrize(
  'text',
  [
    '',
    '{"data": {',
    '[]',
    '3',
    '{}',
    '{"image_shape": 3, "class_names": []}',
    '{"image_shape": null, "class_names": [], "run": 3}',
  ],
)
def test_damaged_json_is_refused(text):
  with pytest.raises(UserError, match='the configuration is damaged'):
    configs.from_json(text, configs.Config)


def test_json_of_another_version_is_refused_by_field():
  sections = json.loads(configs.to_json(observed()))
  sections['run']['stepz'] = 3
  with pytest.raises(UserError, match="'stepz': did you mean 'steps'"):
    configs.from_json(json.dumps(sections), configs.Config)


def test_wrong_values_in_json_are_refused():
  sections = json.loads(configs.to_json(observed()))
  sections['network']['num_hiddens'] = '128'
  with pytest.raises(UserError, match="num_hiddens='128' must be of type int"):
    configs.from_json(json.dumps(sections), configs.Config)


def test_unknown_names_get_the_nearest():
  with pytest.raises(
    UserError, match="'learning_rat': did you mean 'learning_rate'"
  ):
    configs.replace(configs.Config(), learning_rat=1.0)


def test_names_near_nothing_get_the_list():
  with pytest.raises(UserError, match="'xyz': known are dataset, data_dir,"):
    configs.replace(configs.Config(), xyz=1.0)


@pytest.mark.parametrize(
  'name, value, message',
  [
    ('dataset', 'mnits', "--dataset=mnits is unknown: did you mean 'mnist'"),
    ('dataset', 'xyz', '--dataset=xyz is unknown: known are digits, mnist'),
    ('quantizer', 'emma', "did you mean 'ema'"),
    ('likelihood', 'normals', "did you mean 'normal'"),
    ('initialization', 'kmeans', r"did you mean 'kmeans\+\+'"),
    ('unused_codes', 'keeps', "did you mean 'keep'"),
    ('steps', 0, r'--steps=0 must be in \[1, 1000000000\]'),
    ('batch_size', -1, r'--batch_size=-1 must be in \[1, 1048576\]'),
    ('seed', -1, r'--seed=-1 must be in \[0, '),
    ('seed', 2**63, r'--seed=9223372036854775808 must be in \[0, '),
    ('learning_rate', 0.0, r'--learning_rate=0.0 must be in \(0, 1e\+30\]'),
    ('learning_rate', float('nan'), r'--learning_rate=nan must be in \(0, '),
    ('learning_rate', float('inf'), r'--learning_rate=inf must be in \(0, '),
    ('num_hiddens', 10**9, r'=1000000000 must be in \[1, 65536\]'),
    ('num_embeddings', 2**24 + 1, r'=16777217 must be in \[1, 16777216\]'),
    ('decay', 1.0, r'--decay=1.0 must be in \[0, 1\)'),
    ('decay', -0.1, r'--decay=-0.1 must be in \[0, 1\)'),
    ('average_decay', 1, r'--average_decay=1 must be in \[0, 1\)'),
    ('warmup_steps', -1, r'--warmup_steps=-1 must be in \[0, 1000000000\]'),
    ('flip', 1, '--flip=1 must be of type bool'),
    ('num_hiddens', 2.5, '--num_hiddens=2.5 must be of type int'),
    ('num_hiddens', True, '--num_hiddens=True must be of type int'),
    ('learning_rate', '1', "--learning_rate='1' must be of type float"),
    ('dataset', 3, '--dataset=3 must be of type str'),
  ],
)
def test_bad_values_are_refused_by_flag(name, value, message):
  with pytest.raises(UserError, match=message):
    configs.replace(configs.Config(), **{name: value})


@pytest.mark.parametrize(
  'name, value',
  [
    ('scale', 0.0),
    ('scale', 0),
    ('learning_rate', 1),
    ('decay', 0.0),
    ('seed', 0),
    ('decay_steps', 0),
    ('image_size', 0),
    ('average_decay', 0),
    ('warmup_steps', 0),
    ('flip', False),
  ],
)
def test_values_at_the_border_pass(name, value):
  configs.replace(configs.Config(), **{name: value})


@pytest.mark.parametrize('field', FIELDS.values(), ids=FIELDS)
def test_what_may_change_on_resume(field):
  only = field.metadata['only']
  kind = {only.field: only.names[-1]} if only else {}
  old = observed(**kind)
  new = observed(**kind, **{field.name: other_value(field)})
  if field.name in RESUMABLE:
    configs.check_resumable(old, new, 'runs/x')
    return
  flag = re.escape(f'--{field.name}={field.default}')
  with pytest.raises(
    UserError,
    match=f'runs/x was trained with {flag}, not .*: leave that flag as it '
    'was, or name another --workdir',
  ):
    configs.check_resumable(old, new, 'runs/x')


def test_the_same_again_resumes():
  configs.check_resumable(observed(), observed(), 'runs/x')
