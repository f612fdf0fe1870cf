"""Trained and evaluated once: what benchmarks that train have in common."""

from vqvae_tf import configs, datasets
from vqvae_tf.evaluation import evaluate
from vqvae_tf.runs import results
from vqvae_tf.runs.run import Run
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.serving import load
from vqvae_tf.training import examples


def test_metrics(
  config: configs.Config, workdir: Workdir, data_dir: str
) -> dict[str, float]:
  """Returns the metrics of the test split, after training if need be.

  A run that was cut off goes on; one that is finished is not repeated.
  """
  path = workdir.path / 'metrics.json'
  splits = results.read(path)
  # Of a shorter run the figures may be there already.
  is_done = workdir.last_state().step == config.run.steps
  if 'test' not in splits or not is_done:
    sources = [
      datasets.open_source(config.data.dataset, split, data_dir)
      for split in ('train', 'validation')
    ]
    state = examples.train(config, workdir, *sources)
    if state.step < config.run.steps:
      raise SystemExit(130)
    subject = load.from_run(Run(workdir))
    known = subject.fingerprints
    test = datasets.open_source(config.data.dataset, 'test', data_dir)
    result = evaluate.evaluate(subject, test)
    results.write(path, 'test', result, fingerprints=known)
    splits = results.read(path)
  return splits['test']
