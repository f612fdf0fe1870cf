"""Writes the first 64 test images of a data set as one PNG, for the notebooks.

  python notebooks/test_images.py mnist data/mnist
  python notebooks/test_images.py cifar10 data/cifar10

The images stand one below the other in `assets/images/NAME.png`, without loss.
"""

import pathlib
import sys

import numpy as np
from PIL import Image

from vqvae_tf import datasets

_FOLDER = pathlib.Path(__file__).parents[1] / 'assets' / 'images'


def main() -> None:
  """Runs the script."""
  name, data_dir = sys.argv[1:]
  images, _ = datasets.open_source(name, 'test', data_dir).fetch(range(64))
  strip = np.concatenate(images).squeeze()
  path = _FOLDER / f'{name}.png'
  Image.fromarray(strip).save(path, optimize=True)
  print(f'{path}: {strip.shape}, {path.stat().st_size:,} bytes')


if __name__ == '__main__':
  main()
