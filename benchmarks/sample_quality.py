"""What class-conditional samples are worth, judged by a classifier.

  python benchmarks/sample_quality.py --model=assets/models/mnist \
      --data_dir=data/mnist

A small classifier, trained on the real training split, labels 1,000 samples of
each class, drawn at temperature 1 without top-p: how many carry the label they
were asked for? Beside it the same of real test images and of their
reconstructions. The Frechet distance of its features is that to half of the
test images: of the other half (the floor), of its reconstructions, of as many
samples, all of them at equal numbers. A picture shows a sample of each class
beside the training images nearest to it, by squared error.
"""

import argparse
from pathlib import Path

import classifier as classifiers
import numpy as np
import rounds

from vqvae_tf import datasets
from vqvae_tf.sampling import draw, folder
from vqvae_tf.serving import load
from vqvae_tf.serving.subject import Subject

CSV = Path(__file__).parents[1] / 'assets' / 'benchmarks' / 'sample_quality.csv'
_PER_CLASS = 1000
_BATCH_SIZE = 100
_NUM_NEIGHBOURS = 5


def sampled(subject: Subject, label: int, count: int) -> np.ndarray:
  """Returns uint8 `[count, H, W, C]` of a class; the same each time."""
  # The label as a seed, for classes must not share their random numbers.
  return draw.draw(subject, count, [label], label).images


def reconstructed(subject: Subject, originals: np.ndarray) -> np.ndarray:
  """Returns what the decoder makes of the codes of images."""
  starts = range(0, len(originals), _BATCH_SIZE)
  return np.concatenate(
    [subject.reconstruct(originals[i : i + _BATCH_SIZE]) for i in starts]
  )


def main():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--model', required=True, help='an export with a prior')
  parser.add_argument('--data_dir')
  parser.add_argument(
    '--folder', type=Path, default='runs/sample_quality', help='of what is made'
  )
  parser.add_argument('--csv', type=Path, default=CSV)
  arguments = parser.parse_args()
  subject = load.from_export(arguments.model)
  if not (subject.prior and subject.prior.num_classes):
    parser.error(f'{arguments.model} has no prior that is given classes')
  name = subject.config.data.dataset
  train, test = (
    _arrays(name, split, arguments.data_dir) for split in ('train', 'test')
  )
  judge = classifiers.trained(name, *train, arguments.folder)
  found, least = judge(test[0])[0], classifiers.RECIPES[name].least
  if np.mean(found == test[1]) < least:
    parser.error(f'this classifier is no judge: it misses {least:.0%}')
  classes = range(subject.prior.num_classes)
  labels = np.repeat(classes, _PER_CLASS)
  samples = np.concatenate([sampled(subject, y, _PER_CLASS) for y in classes])
  sets = {
    'test images': test,
    'reconstructions': (reconstructed(subject, test[0]), test[1]),
    'samples': (samples, labels),
  }
  rows = [
    {'data': name, 'images': key, **row}
    for key, row in _judged(judge, sets).items()
  ]
  for row in rows:
    print(
      f'{row["images"]:<16}{row["accuracy"]:8.2%} have their label, '
      f'Frechet distance {row["frechet_distance"]:.3f}'
    )
  others = [
    row for row in rounds.read_csv(arguments.csv) if row['data'] != name
  ]
  rounds.write_csv(arguments.csv, others + rows)
  path = arguments.folder / f'neighbours_{name}.png'
  # A sample of each class, then its neighbours.
  rows = [[s, *_nearest(s, train[0])] for s in samples[::_PER_CLASS]]
  shown = draw.Draws(
    None, np.concatenate(rows), np.repeat(classes, _NUM_NEIGHBOURS + 1)
  )
  folder.picture(shown, subject.config.class_names).save(path)
  print(f'samples (left) and the nearest training images: {path}')


def _arrays(name, split, data_dir):
  source = datasets.open_source(name, split, data_dir)
  pairs = list(datasets.in_order(source, _BATCH_SIZE).as_numpy_iterator())
  return tuple(np.concatenate(parts) for parts in zip(*pairs, strict=True))


def _judged(judge, sets):
  """Returns accuracy and distance of each set of (images, labels)."""
  rows, reference = {}, None
  for key, (pictures, labels) in sets.items():
    found, features = judge(pictures)
    # The same for the test images and for their reconstructions.
    order = np.random.default_rng(0).permutation(len(features))
    if reference is None:
      # All is compared with one half of the test images, at equal numbers.
      half = len(order) // 2
      reference = features[order[half : 2 * half]]
    own = features[order[:half]]
    rows[key] = {
      'accuracy': float((found == labels).mean()),
      'frechet_distance': classifiers.frechet_distance(own, reference),
    }
  return rows


def _nearest(sample, train):
  errors = [
    np.square(train[i : i + 1000].astype(np.int64) - sample).sum((1, 2, 3))
    for i in range(0, len(train), 1000)
  ]
  return train[np.argsort(np.concatenate(errors))[:_NUM_NEIGHBOURS]]


if __name__ == '__main__':
  main()
