"""A run is looked up once, however often it is asked."""

import pathlib
import shutil

import pytest

from vqvae_tf.errors import UserError
from vqvae_tf.runs.run import Run
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.serving import load, saved_model


def test_what_is_known_stays_known(with_prior, tmp_path):
  run = Run(Workdir(shutil.copytree(with_prior.path, tmp_path / 'run')))
  known = run.config, run.step, run.fingerprint, run.model, run.prior.standing
  shutil.rmtree(run.workdir.path)
  assert known == (
    run.config,
    run.step,
    run.fingerprint,
    run.model,
    run.prior.standing,
  )


def test_nothing_is_read_before_it_is_asked_for(tmp_path):
  run = Run(Workdir(tmp_path / 'nowhere'))
  assert str(run) == str(tmp_path / 'nowhere')
  with pytest.raises(UserError, match='nowhere is no workdir'):
    _ = run.config


def test_an_export_digests_each_file_of_weights_once(
  with_prior, tmp_path, monkeypatch
):
  digested, read_bytes = [], pathlib.Path.read_bytes

  def watched(path):
    if path.name.startswith('weights'):
      digested.append(path.name)
    return read_bytes(path)

  monkeypatch.setattr(pathlib.Path, 'read_bytes', watched)
  run = Run(with_prior)
  load.from_run(run)
  saved_model.export(run, tmp_path / 'export')
  names = [path.name for path in with_prior.weights(with_prior.best_step())]
  # Those of the model, and of its prior.
  assert sorted(digested) == sorted(names * 2)
