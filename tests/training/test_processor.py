import os

import pytest

from vqvae_tf.training import processor

_CPUINFO = 'processor\t: 0\nflags\t\t: fpu avx {}\nbugs\t: x\n'


@pytest.fixture
def machine(tmp_path, monkeypatch):
  """Has the processor of this machine be another one."""

  def make(more):
    path = tmp_path / 'cpuinfo'
    path.write_text(_CPUINFO.format(more))
    read = processor.flags
    monkeypatch.setattr(processor, 'flags', lambda: read(path))

  monkeypatch.delenv('TF_ENABLE_ONEDNN_OPTS', raising=False)
  return make


@pytest.mark.parametrize(
  'flags, asked', [('avx2', True), ('avx2 avx512f', True), ('sse', False)]
)
def test_onednn_is_asked_for_where_it_pays(machine, flags, asked):
  machine(flags)
  assert processor.use_onednn() == asked
  assert os.environ.get('TF_ENABLE_ONEDNN_OPTS') == ('1' if asked else None)


def test_what_the_user_says_stays(machine, monkeypatch):
  machine('avx2')
  monkeypatch.setenv('TF_ENABLE_ONEDNN_OPTS', '0')
  assert not processor.use_onednn()
  assert os.environ['TF_ENABLE_ONEDNN_OPTS'] == '0'


def test_the_processor_in_words(machine):
  machine('avx2 sse')
  cores = len(os.sched_getaffinity(0))
  assert processor.described() == f'{cores} cores with avx2, avx'


def test_a_machine_that_does_not_say():
  assert processor.flags('/nowhere') == frozenset()
