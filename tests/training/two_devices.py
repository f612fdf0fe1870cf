"""Trains on the digits on two logical CPUs.

  python two_devices.py FOLDER SETTINGS

SETTINGS is a JSON object of fields of the configuration. FOLDER/whole takes 4
steps; FOLDER/half takes 2, and FOLDER/resumed goes on from there. The others
take 4, of parts of a batch or in 16 bits. Prints how many variables differ
between the devices.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from vqvae_tf import configs, datasets
from vqvae_tf.runs.workdir import Workdir
from vqvae_tf.training import devices, examples, loop

# With codes placed at vectors of 16 bits.
PLACED = {'initialization': 'kmeans++', 'unused_codes': 'restart'}
RUNS = {
  'whole': {},
  'half': {'steps': 2},
  'resumed': {},
  # The norm of the first gradients is above it.
  'in_parts': {'accumulation_steps': 2, 'clip_norm': 0.1},
  'mixed_bfloat16': {'precision': 'mixed_bfloat16', **PLACED},
  'mixed_float16': {'precision': 'mixed_float16', **PLACED},
}


def main() -> None:
  folder = Path(sys.argv[1])
  config = configs.replace(configs.Config(), **json.loads(sys.argv[2]))
  [cpu] = tf.config.list_physical_devices('CPU')
  tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2
  )
  both = devices.devices('mirrored')
  assert both.strategy.num_replicas_in_sync == 2
  data = [datasets.open_source('digits', s) for s in ('train', 'validation')]
  trainers = []
  make = loop.make_trainer

  def remember(*args):
    trainers.append(make(*args))
    return trainers[-1]

  loop.make_trainer = remember
  for name, changes in RUNS.items():
    if name == 'resumed':
      shutil.copytree(folder / 'half', folder / 'resumed')
    changed = configs.replace(config, **{'steps': 4, **changes})
    workdir = Workdir(folder / name)
    examples.train(changed, workdir, *data, both)
  copies = [
    [copy.numpy() for copy in variable.values]
    for trainer in trainers
    for variable in trainer.variables
  ]
  assert len(copies) > 20 * len(RUNS) and {len(each) for each in copies} == {2}
  different = sum(not np.array_equal(*each) for each in copies)
  print(f'{different} variables differ between the devices')


if __name__ == '__main__':
  main()
