"""Trains on the digits on two logical CPUs.

  python two_devices.py FOLDER SETTINGS

SETTINGS is a JSON object of fields of the configuration. FOLDER/whole takes 4
steps; FOLDER/half takes 2, and FOLDER/resumed goes on from there. Prints how
many variables differ between the devices.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from vqvae_tf import checkpoints, configs, datasets, distribution, training


def main() -> None:
  folder = Path(sys.argv[1])
  config = configs.replace(configs.Config(), **json.loads(sys.argv[2]))
  [cpu] = tf.config.list_physical_devices('CPU')
  tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2
  )
  devices = distribution.devices('mirrored')
  assert devices.strategy.num_replicas_in_sync == 2
  data = [datasets.open_source('digits', s) for s in ('train', 'validation')]
  trainers = []
  make = training._trainer

  def remember(*args):
    trainers.append(make(*args))
    return trainers[-1]

  training._trainer = remember
  for name, steps in (('whole', 4), ('half', 2), ('resumed', 4)):
    if name == 'resumed':
      shutil.copytree(folder / 'half', folder / 'resumed')
    changed = configs.replace(config, steps=steps)
    workdir = checkpoints.Workdir(folder / name)
    training.train(changed, workdir, *data, devices)
  copies = [[copy.numpy() for copy in v.values] for v in trainers[0].variables]
  assert len(copies) > 20 and {len(each) for each in copies} == {2}
  different = sum(not np.array_equal(*each) for each in copies)
  print(f'{different} variables differ between the devices')


if __name__ == '__main__':
  main()
