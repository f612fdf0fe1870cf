"""Any set of images that tensorflow-datasets has prepared or can download.

Our splits are made of theirs: the test split is their 'test', or else their
'validation'; the validation split is their 'validation' where they have a
'test', too. What is then missing is the end of their 'train': a tenth, and at
most 5,000 examples.
"""

import functools
import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from vqvae_tf.datasets import names, splits, tfds
from vqvae_tf.datasets.source import Arrays, ArraySource, Source
from vqvae_tf.errors import UserError
from vqvae_tf.files import one_line
from vqvae_tf.media.squares import square

_READ_BATCH = 256


def open_images(
  name: str,
  split: str,
  folder: pathlib.Path,
  image_size: int | None = None,
  parts: str = '',
) -> Source:
  """Reads one split into memory, in the order in which it was prepared.

  Args:
    name: 'tfds:NAME[/CONFIG]'; its 'image' is uint8 of 1 or 3 channels, and a
      'label', if there is one, an integer.
    split: one of `SPLITS`.
    folder: of tensorflow-datasets; what it lacks is downloaded to it.
    image_size: side in pixels that images are cropped and resized to, >= 1;
      None: they keep their shape, which must then be one for all.
    parts: what stands for each split, see `names.parts`; '': as above.

  Raises:
    ValueError: `parts` is not what `names.parts` reads.
    UserError: the data is not to be had, damaged or empty, or no images.
  """
  chosen = names.parts(parts)[split] if parts else ''
  builder = tfds.prepared(folder, names.tfds_name(name))
  known = {key: info.num_examples for key, info in builder.info.splits.items()}
  shape = _shape(name, builder.info.features, image_size)
  chosen = chosen or default_part(name, known, split)
  try:
    count = builder.info.splits[chosen].num_examples
  except (KeyError, ValueError, AssertionError) as error:
    raise _no_part(name, chosen, known) from error
  if not count:
    raise UserError(
      f'no examples for the {split} split of {name}: its {chosen} is empty'
    )
  label = tfds.integer_feature(builder.info.features, 'label')
  example = functools.partial(
    _image_and_label, shape, image_size, label is not None
  )
  arrays = _empty(count, shape)
  try:
    _fill(arrays, tfds.in_order(builder, chosen), example)
  except Exception as error:
    raise UserError(
      f'the {chosen} of {name} in {builder.data_dir} cannot be read: '
      f'{one_line(error)}'
    ) from error
  class_names = tuple(getattr(label, 'names', None) or ())
  return ArraySource(name, split, arrays, class_names)


def default_part(name: str, sizes: Mapping[str, int], split: str) -> str:
  """Returns which part of a set stands for one of our splits, see above.

  Args:
    name: what to call the set.
    sizes: how many examples each of its own splits has.
    split: one of `SPLITS`.

  Raises:
    UserError: it has no training examples.
  """
  if 'train' not in sizes:
    raise _no_part(name, 'train', sizes)
  if split == 'test':
    for own in ('test', 'validation'):
      if own in sizes:
        return own
  has_both = {'test', 'validation'} <= sizes.keys()
  if has_both:
    return split
  held_out = splits.num_held_out(sizes['train'])
  end = sizes['train']
  if split == 'test':
    return f'train[{end - held_out}:]'
  if not {'test', 'validation'} & sizes.keys():
    end -= held_out
  if split == 'validation':
    return f'train[{end - held_out}:{end}]'
  return f'train[:{end - held_out}]'


def _no_part(name, part, sizes):
  return UserError(
    f'{name} has no part {part}, it has {", ".join(sizes)}: name others with '
    '--split=train=PART,validation=PART,test=PART'
  )


def _shape(name, features, image_size):
  """Returns the shape [H, W, C] of each image."""
  image = tfds.image_feature(features)
  if image is None:
    found = ', '.join(getattr(features, 'keys', tuple)())
    raise UserError(
      f'{name} is no set of images: it has no image, but {found or "others"}'
    )
  *size, channels = image.shape
  dtype = np.dtype(image.np_dtype)
  if dtype != np.uint8 or channels not in (1, 3):
    raise UserError(
      f'the images of {name} are {dtype} of {channels} channels, not uint8 of '
      '1 or 3: choose another set'
    )
  if image_size:
    return image_size, image_size, channels
  if None in size:
    raise UserError(
      f'the images of {name} have different sizes: give one with --image_size'
    )
  return *size, channels


def _image_and_label(shape, image_size, has_label, example):
  image = example['image']
  if image_size:
    resize = functools.partial(square, size=image_size)
    image = tf.numpy_function(resize, [image], tf.uint8, stateful=False)
  label = tf.cast(example['label'], tf.int32) if has_label else 0
  return tf.ensure_shape(image, shape), label


def _empty(count, shape):
  return Arrays(np.empty([count, *shape], np.uint8), np.empty(count, np.int32))


def _fill(arrays, dataset, example):
  """Puts examples where they belong, as joining them takes twice the memory."""
  dataset = dataset.map(example, tf.data.AUTOTUNE, deterministic=True)
  begin = 0
  for images, labels in dataset.batch(_READ_BATCH).as_numpy_iterator():
    rows = slice(begin, begin + len(images))
    arrays.images[rows], arrays.labels[rows] = images, labels
    begin = rows.stop
  if begin != len(arrays.images):
    raise ValueError(f'it has {begin} examples, not {len(arrays.images)}')
