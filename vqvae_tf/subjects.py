"""A trained model, from a workdir or from an export."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from vqvae_tf import build, checkpoints, configs
from vqvae_tf.errors import UserError
from vqvae_tf.models import Assessment
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


def from_workdir(workdir: checkpoints.Workdir) -> Subject:
  """Returns the best checkpoint of a workdir; raises as
  `trained.load_model`."""
  model, config, step = load_model(workdir)
  shape = config.image_shape
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
  )


def from_export(path: str | os.PathLike) -> Subject:
  """Returns an exported model, run by its own signatures.

  Raises:
    UserError: if `path` is no export of vqvae_tf, or is damaged.
  """
  metadata = read_metadata(path)
  try:
    config = configs.from_json(json.dumps(metadata['config']))
    codebook_sizes = tuple(metadata['codebook_sizes'])
    sign = tf.saved_model.load(str(path)).signatures
  except _DAMAGE as error:
    raise UserError(
      f'the export {path} is damaged: {checkpoints.one_line(error)}'
    ) from error

  autoregressive = config.likelihood.decoder == 'autoregressive'
  return Subject(
    **_doors(sign, autoregressive),
    config=config,
    codebook_sizes=codebook_sizes,
    origin=str(path),
  )


def _doors(sign, autoregressive: bool) -> dict[str, Callable | None]:
  """Returns the functions of a `Subject` by name, from signatures."""
  seed = {'seed': tf.constant(build.SEED)} if autoregressive else {}

  def assess(images):
    images = tf.constant(images)
    nll = sign['nll'](images=images)
    return Assessment(
      nll['pixel_bits'],
      nll['code_bits_uniform'],
      encode(images),
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

  return {
    'assess': assess,
    'reconstruct': reconstruct,
    'pixel_bits': pixel_bits if 'pixel_bits' in sign else None,
    'encode': encode,
    'decode': decode,
    'embed': embed,
  }


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
