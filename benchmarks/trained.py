"""Trained and evaluated once: what benchmarks that train have in common."""

from vqvae_tf import (
  checkpoints,
  configs,
  datasets,
  evaluation,
  metrics_file,
  subjects,
  training,
)


def test_metrics(
  config: configs.Config, workdir: checkpoints.Workdir, data_dir: str
) -> dict[str, float]:
  """Returns the metrics of the test split, after training if need be.

  A run that was cut off goes on; one that is finished is not repeated.
  """
  path = workdir.path / 'metrics.json'
  splits = metrics_file.read(path)
  # Of a shorter run the figures may be there already.
  is_done = workdir.last_state().step == config.run.steps
  if 'test' not in splits or not is_done:
    sources = [
      datasets.open_source(config.data.dataset, split, data_dir)
      for split in ('train', 'validation')
    ]
    state = training.train(config, workdir, *sources)
    if state.step < config.run.steps:
      raise SystemExit(130)
    subject = subjects.from_workdir(workdir)
    test = datasets.open_source(config.data.dataset, 'test', data_dir)
    result = evaluation.evaluate(subject, test)
    metrics_file.write(path, 'test', result, fingerprints=subject.fingerprints)
    splits = metrics_file.read(path)
  return splits['test']
