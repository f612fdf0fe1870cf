"""Runs many commands for one import of TensorFlow: each in a fork.

  python run_all.py FOLDER JOBS < COMMANDS

COMMANDS is a JSON list of lists [path of an executable, flag, ...], of which at
most JOBS run at a time; 1: one after the other. The output of command i goes to
FOLDER/i.out and FOLDER/i.err; the statuses are printed as a JSON list. If the
environment has CIFAR_RECORDS, a binary file of CIFAR-10 has so many images.
"""

import json
import os
import runpy
import sys
from pathlib import Path


def main() -> None:
  folder, jobs = Path(sys.argv[1]), int(sys.argv[2])
  commands = json.load(sys.stdin)
  _preload()
  pids = []
  for i, command in enumerate(commands):
    pid = os.fork()
    if not pid:
      for descriptor, name in ((1, 'out'), (2, 'err')):
        with open(folder / f'{i}.{name}', 'wb') as file:
          os.dup2(file.fileno(), descriptor)
      sys.argv = command
      sys.path[0] = os.path.dirname(os.path.abspath(command[0]))
      # Whatever it raises ends this process as it would end its own.
      runpy.run_path(command[0], run_name='__main__')
      sys.exit()
    pids.append(pid)
    if len(pids) >= jobs:
      os.waitid(os.P_PID, pids[-jobs], os.WEXITED | os.WNOWAIT)
  statuses = [os.waitpid(pid, 0)[1] for pid in pids]
  print(json.dumps([os.waitstatus_to_exitcode(s) for s in statuses]))


def _preload():
  # As quietly as the commands do it.
  os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
  import vqvae_tf.datasets.catalog
  import vqvae_tf.datasets.cifar
  import vqvae_tf.evaluation.round_trip
  import vqvae_tf.priors.training
  import vqvae_tf.sampling.folder
  import vqvae_tf.serving.saved_model
  import vqvae_tf.training.examples
  import vqvae_tf.visualization.gallery  # noqa: F401

  del os.environ['TF_CPP_MIN_LOG_LEVEL']
  if 'CIFAR_RECORDS' in os.environ:
    vqvae_tf.datasets.cifar._RECORDS = int(os.environ['CIFAR_RECORDS'])


if __name__ == '__main__':
  main()
