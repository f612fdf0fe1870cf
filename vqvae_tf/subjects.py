"""A trained model, from a workdir or from an export."""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from vqvae_tf import (
  build,
  checkpoints,
  code_bits,
  code_cache,
  configs,
  files,
  trained,
)
from vqvae_tf.configs import PriorConfig
from vqvae_tf.errors import UserError
from vqvae_tf.models import Assessment, CodePrior, Sampler, Samples
from vqvae_tf.trained import load_model

# What loading a SavedModel or reading its metadata raises; of a truncated file
# TensorFlow makes an IndexError.
_DAMAGE = (
  LookupError,
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
    warning: why it is of no use, if it is known to be of none.
  """

  code_bits: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
  sample: Callable[..., Samples]
  num_classes: int
  warning: str = ''


class Subject(NamedTuple):
  """What is evaluated, wherever it comes from.

  Attributes:
    assess: takes uint8 `[B, H, W, C]` to an `Assessment`.
    reconstruct: takes uint8 `[B, H, W, C]` to what the decoder makes of their
      codes, in the same form; a seeded sample if it is autoregressive.
    pixel_bits: takes codes int32 `[B, h, w, M]` and uint8 `[B, H, W, C]` to
      -log2 p(x | z), bits `[B]`; None of an export that was made without it.
    encode: takes uint8 `[B, H, W, C]` to codes int32 `[B, h, w, M]`.
    decode: takes these to uint8 `[B, H, W, C]`; a seeded sample if the decoder
      is autoregressive.
    embed: takes these to vectors float32 `[B, h, w, D]`.
    config: the configuration it was trained with.
    codebook_sizes: K of each codebook.
    origin: what to call it: where it came from.
    prior: over its codes; None where there is none.
    pixel_bits_map: `pixel_bits` of each pixel, float32 `[B, H, W]`; None of an
      export that was made without it.
    last_step: training steps taken.
    fingerprints: of its checkpoints, see `fingerprints`; none of an export.
  """

  assess: Callable[[tf.Tensor], Assessment]
  reconstruct: Callable[[tf.Tensor], tf.Tensor]
  pixel_bits: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None
  encode: Callable[[tf.Tensor], tf.Tensor]
  decode: Callable[[tf.Tensor], tf.Tensor]
  embed: Callable[[tf.Tensor], tf.Tensor]
  config: configs.Config
  codebook_sizes: tuple[int, ...]
  origin: str
  prior: Prior | None = None
  pixel_bits_map: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None
  last_step: int = 0
  fingerprints: dict[str, str] | None = None


def fingerprints(workdir: checkpoints.Workdir) -> dict[str, str]:
  """Returns digests of the best checkpoints: 'model' and, if any, 'prior'.

  Raises:
    UserError: as `code_cache.fingerprint` does.
  """
  result = {'model': code_cache.fingerprint(workdir)}
  own = checkpoints.PriorWorkdir(workdir)
  if own.has_config() and own.steps():
    result['prior'] = code_cache.fingerprint(own)
  return result


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


def load_proven_prior(
  workdir: checkpoints.Workdir,
) -> tuple[CodePrior | None, PriorConfig | None, code_bits.Standing | None]:
  """Rebuilds a prior that is known to beat the unigram baseline.

  Returns:
    The prior, its configuration and its standing; None three times if there is
    no checkpoint of a prior.

  Raises:
    UserError: if it misses the baseline or was not measured, or as `load_prior`
      does.
  """
  loaded = load_prior(workdir)
  if not loaded:
    return None, None, None
  own = checkpoints.PriorWorkdir(workdir)
  standing = code_bits.known_standing(own)
  command = f'bin/prior --workdir={workdir}'
  if not standing:
    raise UserError(
      f'{own} is not compared with its baselines yet: let {command} come to '
      f'its end (--steps=1 ends it as it is), or {own.way_out} to do without'
    )
  if standing.is_useless:
    raise UserError(
      f'{own} {standing.verdict}: train it longer with {command}, or '
      f'{own.way_out} to do without'
    )
  return *loaded[:2], standing


def from_workdir(workdir: checkpoints.Workdir) -> Subject:
  """Returns the best checkpoint of a workdir, with its prior if it has one.

  Raises:
    UserError: as `trained.load_model` and `load_prior` do.
  """
  model, config, step = load_model(workdir)
  prior, loaded = None, load_prior(workdir)
  if loaded:
    code_prior, settings, _ = loaded
    own = checkpoints.PriorWorkdir(workdir)
    standing = code_bits.known_standing(own)
    prior = Prior(
      build.code_bits(code_prior, settings),
      Sampler(model.decode, code_prior),
      code_prior.num_classes,
      f'{own} {standing.verdict}' if standing and standing.is_useless else '',
    )
  shape = config.example_shape
  return Subject(
    assess=build.assessment(model, shape),
    reconstruct=build.reconstruction(model, shape),
    pixel_bits=build.pixel_bits(model, shape),
    encode=build.encoding(model, shape),
    decode=build.decoding(model),
    embed=build.embedding(model),
    config=config,
    codebook_sizes=model.quantizer.codebook_sizes,
    origin=f'{workdir}, step {step}',
    prior=prior,
    pixel_bits_map=build.pixel_bits_map(model, shape),
    last_step=workdir.last_state().step,
    fingerprints=fingerprints(workdir),
  )


def from_export(path: str | os.PathLike) -> Subject:
  """Returns an exported model, run by its own signatures.

  Raises:
    UserError: if `path` is no export of vqvae_tf, or is damaged.
  """
  metadata = read_metadata(path)
  try:
    config = configs.from_json(json.dumps(metadata['config']), configs.Config)
    codebook_sizes = tuple(metadata['codebook_sizes'])
    # Exports that were made earlier do not know of priors.
    settings = metadata.get('prior')
    num_classes = settings['num_classes'] if settings else None
    sign = tf.saved_model.load(str(path)).signatures
    prior = None if num_classes is None else _exported_prior(sign, num_classes)
  except _DAMAGE as error:
    raise UserError(
      f'the export {path} is damaged: {files.one_line(error)}'
    ) from error

  autoregressive = config.likelihood.decoder == 'autoregressive'
  return Subject(
    **_doors(sign, codebook_sizes, autoregressive),
    config=config,
    codebook_sizes=codebook_sizes,
    origin=str(path),
    prior=prior,
    # Exports that were made earlier do not say.
    last_step=metadata.get('last_step', config.run.steps),
  )


def _doors(sign, codebook_sizes, autoregressive) -> dict[str, Callable | None]:
  """Returns the functions of a `Subject` by name, from signatures."""
  seed = {'seed': tf.constant(build.SEED)} if autoregressive else {}

  def assess(images):
    images = tf.constant(images)
    codes = encode(images)
    # `nll` would count them under a learned prior at each call, too.
    if 'pixel_bits' in sign:
      pixel_bits_of = pixel_bits(codes, images)
    else:
      pixel_bits_of = sign['nll'](images=images)['pixel_bits']
    positions = math.prod(codes.shape[1:-1])
    code_bits = positions * sum(map(math.log2, codebook_sizes))
    return Assessment(
      pixel_bits_of,
      tf.fill(tf.shape(pixel_bits_of), code_bits),
      codes,
      None if autoregressive else reconstruct(images),
    )

  def reconstruct(images):
    return sign['reconstruct'](images=tf.constant(images), **seed)['images']

  def encode(images):
    return sign['encode'](images=tf.constant(images))['codes']

  def decode(codes):
    return sign['decode'](codes=tf.constant(codes), **seed)['images']

  def embed(codes):
    return sign['embed'](codes=tf.constant(codes))['embeddings']

  def pixel_bits(codes, images):
    return sign['pixel_bits'](codes=codes, images=images)['pixel_bits']

  def pixel_bits_map(codes, images):
    codes, images = tf.constant(codes), tf.constant(images)
    return sign['pixel_bits'](codes=codes, images=images)['pixel_bits_map']

  bits = sign['pixel_bits'].structured_outputs if 'pixel_bits' in sign else {}
  return {
    'assess': assess,
    'reconstruct': reconstruct,
    'pixel_bits': pixel_bits if 'pixel_bits' in bits else None,
    'pixel_bits_map': pixel_bits_map if 'pixel_bits_map' in bits else None,
    'encode': encode,
    'decode': decode,
    'embed': embed,
  }


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
