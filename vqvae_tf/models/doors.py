"""The typed doors of a model: one set, whoever goes through them.

Training's validation, evaluation, sampling and pictures call these functions,
and an export holds them as its signatures. Those of a model of images (B is any
batch size from 1 on, the same of all arguments; another shape or dtype is
refused; of other examples [H,W,C] and [h,w] have as many sides as these have):

  encode       images uint8 [B,H,W,C]  -> codes int32 [B,h,w,M]
  decode       codes int32 [B,h,w,M]   -> images uint8 [B,H,W,C]
  reconstruct  images                  -> images
  embed        codes                   -> embeddings float32 [B,h,w,D]
  nll          images                  -> pixel_bits, code_bits_uniform [B]
  pixel_bits   codes, images           -> pixel_bits [B],
                                          pixel_bits_map float32 [B,H,W]
  assess       images                  -> codes, pixel_bits, code_bits_uniform,
                                          images, in one pass

An autoregressive decoder draws samples, which never see the image: its `decode`
and `reconstruct` also take a seed, int32 [2], and its `assess` gives no images.
Its `nll`, `pixel_bits` and `assess` are teacher-forced.

Where there is a prior:

  sample       num, seed [2], label, temperature, top_p, given, mask
                                       -> codes [num,h,w,M], images [num,H,W,C]
  prior_nll    codes[, labels [B]]     -> code_bits float32 [B,h,w,M]
  nll          images                  -> also code_bits_learned [B]

`sample` takes a label of -1, which draws a class for each image; temperature
and top_p as `CodePrior.sample` has them; and codes to keep, given int32
[num or 1,h,w,M] where mask, bool of the same shape, is true. All have defaults
but num and seed: label -1, temperature 1, top_p 1, nothing given.

`prior_nll` takes labels if the prior is conditional. Its bits sum to -log2 p(z)
or -log2 p(z | y); `code_bits_learned` is -log2 p(z), the label summed over, for
which the prior runs once for each class.
"""

import functools
from collections.abc import Callable

import tensorflow as tf

from vqvae_tf import bits
from vqvae_tf.models.code_prior import CodePrior
from vqvae_tf.models.sampler import Sampler
from vqvae_tf.models.vqvae import VQVAE

Doors = dict[str, Callable]


def model_doors(
  model: VQVAE, example_shape: tuple[int, ...], prior: CodePrior | None = None
) -> Doors:
  """Returns the functions of a model, and of its prior, by name.

  Each is a `tf.function` from tensors to a dictionary of tensors, traced when
  it is first called. XLA compiles none of them: it would drop the check that
  codes are in range, and take seconds for each new batch size.

  Args:
    model: with all its variables.
    example_shape: `[..., C]`, of an image (H, W, C).
    prior: over its codes.
  """
  made = _Model(model, prior)
  images = tf.TensorSpec([None, *example_shape], tf.uint8, 'images')
  grid = list(model.code_shape)
  codes = tf.TensorSpec([None, *grid], tf.int32, 'codes')
  is_sampled = model.likelihood.is_autoregressive
  seed = [tf.TensorSpec([2], tf.int32, 'seed')] if is_sampled else []
  doors = {
    'encode': _door(made.encode, images),
    'decode': _door(made.decode, codes, *seed),
    'reconstruct': _door(made.reconstruct, images, *seed),
    'embed': _door(made.embed, codes),
    'nll': _door(made.nll, images),
    'pixel_bits': _door(made.pixel_bits, codes, images),
    'assess': _door(made.assess, images),
  }
  if prior:
    doors |= prior_doors(prior)
    doors['sample'] = _sample(Sampler(made.paint, prior, False), grid)
  return doors


def prior_doors(prior: CodePrior) -> Doors:
  """Returns what a prior does without its model: `prior_nll`."""

  def prior_nll(codes, labels=None):
    if labels is not None:
      _check_batch('labels', labels, codes)
    return {'code_bits': bits.nats_to_bits(prior.nats(codes, labels))}

  grid = [None, *prior.grid, len(prior.codebook_sizes)]
  specs = [tf.TensorSpec(grid, tf.int32, 'codes')]
  if prior.num_classes:
    specs.append(tf.TensorSpec([None], tf.int32, 'labels'))
  return {'prior_nll': _door(prior_nll, *specs)}


class _Model:
  """What the doors of a model do, from tensors to dictionaries of tensors."""

  def __init__(self, model: VQVAE, prior: CodePrior | None):
    self._model, self._prior = model, prior
    # One graph for all that paint: that of an autoregressive decoder is large.
    self.paint = tf.function(model.decode, autograph=False)

  def encode(self, images):
    return {'codes': self._model.encode(images)}

  def decode(self, codes, seed=None):
    return {'images': self.paint(codes, seed)}

  def reconstruct(self, images, seed=None):
    return {'images': self.paint(self._model.encode(images), seed)}

  def embed(self, codes):
    return {'embeddings': self._model.embed(codes)}

  def nll(self, images):
    result = self._model.assess(images)
    found = {
      'pixel_bits': result.pixel_bits,
      'code_bits_uniform': result.code_bits,
    }
    if self._prior:
      nats = self._prior.marginal_nats(result.codes)
      found['code_bits_learned'] = bits.nats_to_bits(nats)
    return found

  def pixel_bits(self, codes, images):
    _check_batch('images', images, codes)
    bits_map = self._model.pixel_bits_map(codes, images)
    axes = list(range(1, bits_map.shape.rank))
    return {
      'pixel_bits': tf.reduce_sum(bits_map, axes),
      'pixel_bits_map': bits_map,
    }

  def assess(self, images):
    result = self._model.assess(images)
    found = {
      'codes': result.codes,
      'pixel_bits': result.pixel_bits,
      'code_bits_uniform': result.code_bits,
    }
    if result.reconstructions is not None:
      found['images'] = result.reconstructions
    return found


def _sample(sampler, grid):
  # TensorFlow keeps defaults with a signature if they are tensors.
  any_class, one = tf.constant(-1), tf.constant(1.0)
  no_code, nowhere = (tf.zeros([1, *grid], t) for t in (tf.int32, tf.bool))

  def sample(
    num,
    seed,
    label=any_class,
    temperature=one,
    top_p=one,
    given=no_code,
    mask=nowhere,
  ):
    drawn = sampler(num, seed, label, temperature, top_p, given, mask)
    return drawn._asdict()

  return _door(
    sample,
    tf.TensorSpec([], tf.int32, 'num'),
    tf.TensorSpec([2], tf.int32, 'seed'),
    tf.TensorSpec([], tf.int32, 'label'),
    tf.TensorSpec([], tf.float32, 'temperature'),
    tf.TensorSpec([], tf.float32, 'top_p'),
    tf.TensorSpec([None, *grid], tf.int32, 'given'),
    tf.TensorSpec([None, *grid], tf.bool, 'mask'),
  )


def _door(function, *specs):
  """Returns a function as a graph that refuses another shape or dtype."""

  # The callables of a SavedModel and TensorFlow Serving do not compare shapes:
  # an image of another size would be given more codes.
  @functools.wraps(function)
  def checked(*args, **given):
    given |= {spec.name: arg for spec, arg in zip(specs, args, strict=False)}
    shapes = {spec.name: spec.shape for spec in specs}
    return function(
      **{name: tf.ensure_shape(x, shapes[name]) for name, x in given.items()}
    )

  return tf.function(checked, input_signature=specs, autograph=False)


def _check_batch(name, batch, codes):
  """Checks that there is one for each image's codes; one would do for all."""
  tf.debugging.assert_equal(
    tf.shape(batch)[0],
    tf.shape(codes)[0],
    f'{name} and codes must be of as many images.',
  )
