"""A workdir to a SavedModel that plain TensorFlow loads and serves.

Signatures (B is any batch size from 1 on):

  encode       images uint8 [B,H,W,C]  -> codes int32 [B,h,w,M]
  decode       codes int32 [B,h,w,M]   -> images uint8 [B,H,W,C]
  reconstruct  images                  -> images
  embed        codes                   -> embeddings float32 [B,h,w,D]
  nll          images                  -> pixel_bits, code_bits_uniform [B]
  pixel_bits   codes, images           -> pixel_bits [B]

Of an autoregressive decoder `decode` and `reconstruct` also take a seed,
int32 [2]: they draw samples, which never see the image; `nll` and `pixel_bits`
are teacher-forced.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

import tensorflow as tf

from vqvae_tf import card, configs, evaluation, subjects
from vqvae_tf.checkpoints import Workdir, one_line
from vqvae_tf.errors import UserError
from vqvae_tf.models import VQVAE
from vqvae_tf.version import __version__


class _Served(tf.Module):
  """The functions of a model with typed doors.

  They are not jit-compiled: XLA drops the check that codes are in range.
  """

  def __init__(self, model: VQVAE, config: configs.Config, metadata_path: str):
    super().__init__()
    self._model = model
    self.metadata = tf.saved_model.Asset(metadata_path)
    images = tf.TensorSpec([None, *config.image_shape], tf.uint8, 'images')
    grid = [*model.decoder.grid_size, len(model.quantizer.codebook_sizes)]
    codes = tf.TensorSpec([None, *grid], tf.int32, 'codes')
    sampled = model.likelihood.is_autoregressive
    seed = [tf.TensorSpec([2], tf.int32, 'seed')] if sampled else []
    self.functions = {
      'encode': self._function(self._encode, images),
      'decode': self._function(self._decode, codes, *seed),
      'reconstruct': self._function(self._reconstruct, images, *seed),
      'embed': self._function(self._embed, codes),
      'nll': self._function(self._nll, images),
      'pixel_bits': self._function(self._pixel_bits, codes, images),
    }
    for name, function in self.functions.items():
      setattr(self, name, function)

  def _function(self, python_function, *specs):
    return tf.function(python_function, input_signature=specs, autograph=False)

  def _encode(self, images):
    return {'codes': self._model.encode(images)}

  def _decode(self, codes, seed=None):
    return {'images': self._model.decode(codes, seed)}

  def _reconstruct(self, images, seed=None):
    return {'images': self._model.reconstruct(images, seed)}

  def _pixel_bits(self, codes, images):
    return {'pixel_bits': self._model.pixel_bits(codes, images)}

  def _embed(self, codes):
    return {'embeddings': self._model.embed(codes)}

  def _nll(self, images):
    result = self._model.assess(images)
    return {
      'pixel_bits': result.pixel_bits,
      'code_bits_uniform': result.code_bits,
    }


def export(
  workdir: Workdir, target: str | os.PathLike, overwrite: bool = False
) -> Path:
  """Writes the best checkpoint of a workdir as a SavedModel.

  It appears whole or not at all. Configuration, metrics, class names and
  versions are in `assets/metadata.json` inside it, the model
  card and the training log in `assets.extra/`.

  Args:
    workdir: of a run with a checkpoint.
    target: the folder to make.
    overwrite: whether a SavedModel at `target` may be replaced.

  Returns:
    `target` as a path.

  Raises:
    UserError: if `target` exists, or the workdir has no good checkpoint.
    OSError: if it cannot be written.
  """
  target = Path(target)
  if target.exists() and not overwrite:
    raise UserError(f'{target} exists already: give --overwrite to replace it')
  if overwrite and target.exists():
    _check_replaceable(target)
  model, config, step = subjects.load_model(workdir)
  # Where the data lay is nobody's business who gets the model.
  config = configs.replace(config, data_dir='')
  target.parent.mkdir(parents=True, exist_ok=True)
  aside = Path(tempfile.mkdtemp(prefix='.export-', dir=target.parent))
  try:
    metadata = aside / 'metadata.json'
    metadata.write_text(
      json.dumps(_metadata(model, config, step, workdir), indent=2)
    )
    served = _Served(model, config, str(metadata))
    tf.saved_model.save(
      served, str(aside / 'model'), signatures=served.functions
    )
    _write_extra(aside / 'model', model, config, workdir)
    if target.exists():
      target.rename(aside / 'replaced')
    (aside / 'model').rename(target)
  except (tf.errors.OpError, OSError) as error:
    raise OSError(f'cannot write {target}: {one_line(error)}') from error
  finally:
    shutil.rmtree(aside, ignore_errors=True)
  return target


def _check_replaceable(target: Path) -> None:
  # Never remove a folder of somebody else's because of a mistyped path.
  if not (target / 'saved_model.pb').exists():
    raise UserError(
      f'{target} is no SavedModel, so it is not replaced: name another folder'
    )


def _write_extra(
  folder: Path, model: VQVAE, config: configs.Config, workdir: Workdir
) -> None:
  """Adds the model card and the training log, where SavedModels keep extras."""
  extra = folder / 'assets.extra'
  extra.mkdir()
  grid = [*model.decoder.grid_size, len(model.quantizer.codebook_sizes)]
  splits = evaluation.read_metrics(workdir.path / 'metrics.json')
  state = workdir.last_state()
  (extra / 'README.md').write_text(
    card.text(config, state, splits, __version__, grid)
  )
  if workdir.metrics_path.exists():
    shutil.copy(workdir.metrics_path, extra)


def _metadata(
  model: VQVAE, config: configs.Config, step: int, workdir: Workdir
) -> dict:
  return {
    'format': 'vqvae_tf 1',
    'config': json.loads(configs.to_json(config)),
    'step': step,
    'codebook_sizes': list(model.quantizer.codebook_sizes),
    'class_names': list(config.class_names),
    'metrics': evaluation.read_metrics(workdir.path / 'metrics.json'),
    'versions': {'tensorflow': tf.__version__, 'vqvae_tf': __version__},
  }
