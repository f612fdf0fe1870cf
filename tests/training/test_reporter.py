"""What a run writes while it trains."""

import json
import math
import resource

import numpy as np
import pytest

from vqvae_tf.runs import history
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.training.reporter import Reporter


def test_metrics_are_cut_back(tmp_path):
  workdir = Workdir(tmp_path)
  lines = [json.dumps({'step': i, 'group': 'train'}) for i in (2, 4, 6)]
  workdir.metrics_path.write_text('\n'.join([*lines, '{"step"']))
  Reporter(workdir, 4, 8).close()
  assert workdir.metrics_path.read_text() == ''.join(
    line + '\n' for line in lines[:2]
  )


def test_a_full_disk_is_an_error_of_the_system(tmp_path):
  reporter = Reporter(Workdir(tmp_path), 0, 8)
  dot = np.zeros([1, 1, 1, 1], np.uint8)
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, hard))
  try:
    match = r'^TensorBoard: .*tfevents.*; File too large$'
    with pytest.raises(OSError, match=match):
      for step in range(1_000):
        reporter.pictures(step, originals=dot)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
  reporter.close()


def test_infinity_is_null_in_the_metrics(tmp_path):
  reporter = Reporter(Workdir(tmp_path), 0, 8)
  reporter.scalars(1, 'validation', {'psnr_db': math.inf, 'mse': 0.0})
  reporter.close()
  [entry] = history.read(tmp_path / 'metrics.jsonl')
  assert entry == {
    'step': 1,
    'group': 'validation',
    'psnr_db': None,
    'mse': 0.0,
  }
