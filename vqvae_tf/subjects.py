"""A trained model, from a workdir or from an export."""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from vqvae_tf import build, checkpoints, code_cache, configs, trained
from vqvae_tf.errors import UserError
from vqvae_tf.models import Assessment, CodePrior, Sampler, Samples
from vqvae_tf.prior_config import PriorConfig
from vqvae_tf.trained import load_model

# What loading a SavedModel or reading its metadata raises.
_DAMAGE = (
  KeyError,
  TypeError,
  ValueError,
  OSError,
  UserError,
  tf.errors.OpError,
)


class Prior(NamedTuple):
  """p(z) of a subject.

  Attributes:
    code_bits: takes codes int32 `[B, h, w, M]` and labels int32 `[B]`, which an
      unconditional prior ignores, to -log2 p(code | earlier codes, label),
      float32 `[B, h, w, M]`.
    sample: called as a `Sampler` is; from a workdir XLA compiles it.
    num_classes: of the labels; 0 if it is unconditional.
  """

  code_bits: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
  sample: Callable[..., Samples]
  num_classes: int


class Subject(NamedTuple):
  """What is evaluated, wherever it comes from.

  Attributes:
    assess: takes uint8 `[B, H, W, C]` to an `Assessment`.
    reconstruct: takes uint8 `[B, H, W, C]` to what the decoder makes of their
      codes, in the same form; a seeded sample if it is autoregressive.
    pixel_bits: takes codes int32 `[B, h, w, M]` and uint8 `[B, H, W, C]` to
      -log2 p(x | z), bits `[B]`; None of an export that was made without it.
    config: the configuration it was trained with.
    codebook_sizes: K of each codebook.
    origin: what to call it: where it came from.
    prior: over its codes; None where there is none.
  """

  assess: Callable[[tf.Tensor], Assessment]
  reconstruct: Callable[[tf.Tensor], tf.Tensor]
  pixel_bits: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None
  config: configs.Config
  codebook_sizes: tuple[int, ...]
  origin: str
  prior: Prior | None = None


def load_prior(
  workdir: checkpoints.Workdir,
) -> tuple[CodePrior, PriorConfig, int] | None:
  """Rebuilds the prior over the codes of a workdir's best checkpoint.

  Returns:
    The prior, its configuration and its step; None if there is no checkpoint of
    a prior.

  Raises:
    UserError: if the prior is that of another checkpoint of the model, or as
      `trained.load_prior` does.
  """
  own = checkpoints.PriorWorkdir(workdir)
  if not own.has_config() or not own.steps():
    return None
  if own.load_config().fingerprint != code_cache.fingerprint(workdir):
    raise UserError(
      f'{own} is the prior of an earlier model: train one for this with '
      f'bin/prior --workdir={workdir}, or remove {own}'
    )
  return trained.load_prior(own)


def from_workdir(workdir: checkpoints.Workdir) -> Subject:
  """Returns the best checkpoint of a workdir, with its prior if it has one.

  Raises:
    UserError: as `trained.load_model` and `load_prior` do.
  """
  model, config, step = load_model(workdir)
  functions = (
    build.assessment(model, config.image_shape),
    build.reconstruction(model, config.image_shape),
    build.pixel_bits(model, config.image_shape),
  )
  sizes = model.quantizer.codebook_sizes
  prior, loaded = None, load_prior(workdir)
  if loaded:
    code_prior, settings, _ = loaded
    prior = Prior(
      build.code_bits(code_prior, settings),
      Sampler(model, code_prior),
      code_prior.num_classes,
    )
  return Subject(*functions, config, sizes, f'{workdir}, step {step}', prior)


def from_export(path: str | os.PathLike) -> Subject:
  """Returns an exported model, run by its own signatures.

  Raises:
    UserError: if `path` is no export of vqvae_tf, or is damaged.
  """
  metadata = read_metadata(path)
  try:
    config = configs.from_json(json.dumps(metadata['config']))
    codebook_sizes = tuple(metadata['codebook_sizes'])
    # Exports that were made earlier do not know of priors.
    settings = metadata.get('prior')
    num_classes = settings['num_classes'] if settings else None
    sign = tf.saved_model.load(str(path)).signatures
    prior = None if num_classes is None else _exported_prior(sign, num_classes)
  except _DAMAGE as error:
    raise UserError(
      f'the export {path} is damaged: {checkpoints.one_line(error)}'
    ) from error

  autoregressive = config.likelihood.decoder == 'autoregressive'

  def assess(images):
    images = tf.constant(images)
    reconstructions = None if autoregressive else reconstruct(images)
    return Assessment(*_bits(sign, codebook_sizes, images), reconstructions)

  def reconstruct(images):
    seed = {'seed': tf.constant(build.SEED)} if autoregressive else {}
    return sign['reconstruct'](images=tf.constant(images), **seed)['images']

  def pixel_bits(codes, images):
    return sign['pixel_bits'](codes=codes, images=images)['pixel_bits']

  return Subject(
    assess,
    reconstruct,
    pixel_bits if 'pixel_bits' in sign else None,
    config,
    codebook_sizes,
    str(path),
    prior,
  )


def _bits(sign, codebook_sizes, images):
  """Returns what precedes the reconstructions in an `Assessment`."""
  codes = sign['encode'](images=images)['codes']
  # `nll` would count the codes under a learned prior at each call, too.
  if 'pixel_bits' in sign:
    found = sign['pixel_bits'](codes=codes, images=images)
  else:
    found = sign['nll'](images=images)
  pixel_bits = found['pixel_bits']
  positions = codes.shape[1] * codes.shape[2]
  code_bits = positions * sum(map(math.log2, codebook_sizes))
  return pixel_bits, tf.fill(tf.shape(pixel_bits), code_bits), codes


def _exported_prior(sign, num_classes):
  def code_bits(codes, labels):
    labels = {'labels': tf.constant(labels)} if num_classes else {}
    return sign['prior_nll'](codes=tf.constant(codes), **labels)['code_bits']

  grid = sign['sample'].structured_input_signature[1]['given'].shape[1:]

  def sample(
    num, seed, label=-1, temperature=1.0, top_p=1.0, given=None, mask=None
  ):
    if given is None:
      given, mask = (tf.zeros([1, *grid], t) for t in (tf.int32, tf.bool))
    result = sign['sample'](
      num=tf.constant(num),
      seed=tf.constant(seed),
      label=tf.constant(label),
      temperature=tf.constant(temperature),
      top_p=tf.constant(top_p),
      given=tf.constant(given),
      mask=tf.constant(mask),
    )
    return Samples(**result)

  return Prior(code_bits, sample, num_classes)


def read_metadata(path: str | os.PathLike) -> dict:
  """Returns metadata.json of an export.

  Raises:
    UserError: if there is none.
  """
  file = Path(path) / 'assets' / 'metadata.json'
  try:
    return json.loads(file.read_text())
  except (OSError, ValueError) as error:
    raise UserError(
      f'{path} is no export of vqvae_tf: {file} is missing or damaged; make '
      'one with bin/export --workdir=...'
    ) from error
