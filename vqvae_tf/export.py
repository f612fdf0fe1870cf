"""A workdir to a SavedModel that plain TensorFlow loads and serves.

Signatures of a model of images (B is any batch size from 1 on, the same of all
arguments; another shape or dtype is refused; of other examples than images,
[H,W,C] and [h,w] have as many sides as these have):

  encode       images uint8 [B,H,W,C]  -> codes int32 [B,h,w,M]
  decode       codes int32 [B,h,w,M]   -> images uint8 [B,H,W,C]
  reconstruct  images                  -> images
  embed        codes                   -> embeddings float32 [B,h,w,D]
  nll          images                  -> pixel_bits, code_bits_uniform [B]
  pixel_bits   codes, images           -> pixel_bits [B],
                                          pixel_bits_map float32 [B,H,W]

Of an autoregressive decoder `decode` and `reconstruct` also take a seed,
int32 [2]: they draw samples, which never see the image; `nll` and `pixel_bits`
are teacher-forced.

Where the run has a prior:

  sample       num, seed [2], label, temperature, top_p, given, mask
                                       -> codes [num,h,w,M], images [num,H,W,C]
  prior_nll    codes[, labels [B]]     -> code_bits float32 [B,h,w,M]
  nll          images                  -> also code_bits_learned [B]

`sample` takes a label of -1, which draws a class for each image; temperature
and top_p as `CodePrior.sample` has them; and codes to keep, given int32
[num or 1,h,w,M] where mask, bool of the same shape, is true. All have defaults
but num and seed: label -1, temperature 1, top_p 1, nothing given. A server uses
them, and so does `tf.saved_model.load(path).sample(num, seed)`; the callables
in `.signatures` need all arguments.

`prior_nll` takes labels if the prior is conditional. Its bits sum to -log2 p(z)
or -log2 p(z | y); `code_bits_learned` is -log2 p(z), the label summed over, for
which the prior runs once for each class.
"""

import functools
import json
import os
import shutil
import tempfile
from pathlib import Path

import tensorflow as tf

from vqvae_tf import (
  bits,
  card,
  code_bits,
  configs,
  metrics_file,
  subjects,
  trained,
)
from vqvae_tf.checkpoints import Workdir
from vqvae_tf.configs import PriorConfig
from vqvae_tf.errors import UserError
from vqvae_tf.files import one_line
from vqvae_tf.models import VQVAE, CodePrior, Sampler
from vqvae_tf.version import __version__


class _Served(tf.Module):
  """The functions of a model with typed doors.

  They are not jit-compiled: XLA drops the check that codes are in range.
  """

  def __init__(
    self,
    model: VQVAE,
    config: configs.Config,
    metadata_path: str,
    prior: CodePrior | None = None,
  ):
    super().__init__()
    # In an object that TensorFlow does not look into: see `_used` below.
    self._parts = _Parts(model, prior)
    # One graph for all that paint: that of an autoregressive decoder is large.
    self._paint = tf.function(model.decode, autograph=False)
    self.metadata = tf.saved_model.Asset(metadata_path)
    images = tf.TensorSpec([None, *config.example_shape], tf.uint8, 'images')
    grid = list(model.code_shape)
    codes = tf.TensorSpec([None, *grid], tf.int32, 'codes')
    sampled = model.likelihood.is_autoregressive
    seed = [tf.TensorSpec([2], tf.int32, 'seed')] if sampled else []
    functions = {
      'encode': self._function(self._encode, images),
      'decode': self._function(self._decode, codes, *seed),
      'reconstruct': self._function(self._reconstruct, images, *seed),
      'embed': self._function(self._embed, codes),
      'nll': self._function(self._nll, images),
      'pixel_bits': self._function(self._pixel_bits, codes, images),
    }
    if prior:
      labels = [tf.TensorSpec([None], tf.int32, 'labels')]
      given = labels if prior.num_classes else []
      functions['prior_nll'] = self._function(self._prior_nll, codes, *given)
      functions['sample'] = self._sample(grid)
    # Only what they read is saved: no averages that training keeps.
    self._used = _used_by(functions.values(), self._parts.variables)
    # TensorFlow saves a dictionary that is complete when it is assigned.
    self.functions = functions
    for name, function in functions.items():
      setattr(self, name, function)

  def _function(self, python_function, *specs):
    # The callables in `.signatures` and TensorFlow Serving do not compare
    # shapes: an image of another size would be given more codes.
    @functools.wraps(python_function)
    def checked(*args):
      shapes = (spec.shape for spec in specs)
      return python_function(*map(tf.ensure_shape, args, shapes))

    return tf.function(checked, input_signature=specs, autograph=False)

  def _encode(self, images):
    return {'codes': self._parts.model.encode(images)}

  def _decode(self, codes, seed=None):
    return {'images': self._paint(codes, seed)}

  def _reconstruct(self, images, seed=None):
    return {'images': self._paint(self._parts.model.encode(images), seed)}

  def _pixel_bits(self, codes, images):
    _check_batch('images', images, codes)
    bits_map = self._parts.model.pixel_bits_map(codes, images)
    return {
      'pixel_bits': tf.reduce_sum(
        bits_map, list(range(1, bits_map.shape.rank))
      ),
      'pixel_bits_map': bits_map,
    }

  def _embed(self, codes):
    return {'embeddings': self._parts.model.embed(codes)}

  def _nll(self, images):
    result = self._parts.model.assess(images)
    found = {
      'pixel_bits': result.pixel_bits,
      'code_bits_uniform': result.code_bits,
    }
    if self._parts.prior:
      nats = self._parts.prior.marginal_nats(result.codes)
      found['code_bits_learned'] = bits.nats_to_bits(nats)
    return found

  def _prior_nll(self, codes, labels=None):
    if labels is not None:
      _check_batch('labels', labels, codes)
    return {
      'code_bits': bits.nats_to_bits(self._parts.prior.nats(codes, labels))
    }

  def _sample(self, grid):
    sampler = Sampler(self._paint, self._parts.prior, jit_compile=False)

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

    return self._function(
      sample,
      tf.TensorSpec([], tf.int32, 'num'),
      tf.TensorSpec([2], tf.int32, 'seed'),
      tf.TensorSpec([], tf.int32, 'label'),
      tf.TensorSpec([], tf.float32, 'temperature'),
      tf.TensorSpec([], tf.float32, 'top_p'),
      tf.TensorSpec([None, *grid], tf.int32, 'given'),
      tf.TensorSpec([None, *grid], tf.bool, 'mask'),
    )


def _check_batch(name, batch, codes):
  """Checks that there is one for each image's codes; one would do for all."""
  tf.debugging.assert_equal(
    tf.shape(batch)[0],
    tf.shape(codes)[0],
    f'{name} and codes must be of as many images.',
  )


class _Parts:
  """What is served; TensorFlow looks into tuples and modules alone."""

  def __init__(self, model: VQVAE, prior: CodePrior | None):
    self.model, self.prior = model, prior

  @property
  def variables(self):
    return (
      *self.model.variables,
      *(self.prior.variables if self.prior else ()),
    )


def _used_by(functions, variables):
  """Returns those of the variables that functions read, in their order."""
  graphs = [function.get_concrete_function().graph for function in functions]
  used = {variable.ref() for graph in graphs for variable in graph.variables}
  return [variable for variable in variables if variable.ref() in used]


def export(
  workdir: Workdir, target: str | os.PathLike, overwrite: bool = False
) -> Path:
  """Writes the best checkpoint of a workdir as a SavedModel.

  It appears whole or not at all. Configuration, metrics of this checkpoint,
  class names and versions are in `assets/metadata.json` inside it, the model
  card and the training log in `assets.extra/`.

  Args:
    workdir: of a run with a checkpoint; its prior, if it has one, goes along.
    target: the folder to make.
    overwrite: whether a SavedModel at `target` may be replaced.

  Returns:
    `target` as a path.

  Raises:
    UserError: if `target` exists, or the workdir has no good checkpoint, or a
      prior of another one or of no use.
    OSError: if it cannot be written.
  """
  target = Path(target)
  if target.exists() and not overwrite:
    raise UserError(f'{target} exists already: give --overwrite to replace it')
  if overwrite and target.exists():
    _check_replaceable(target)
  model, config, step = trained.load_model(workdir)
  prior = subjects.load_proven_prior(workdir)
  # Where the data lay is nobody's business who gets the model.
  config = configs.replace(config, data_dir='')
  target.parent.mkdir(parents=True, exist_ok=True)
  aside = Path(tempfile.mkdtemp(prefix='.export-', dir=target.parent))
  try:
    metadata = aside / 'metadata.json'
    values = _metadata(model, config, step, workdir) | _of_prior(*prior)
    metadata.write_text(json.dumps(values, indent=2))
    served = _Served(model, config, str(metadata), prior[0])
    tf.saved_model.save(
      served, str(aside / 'model'), signatures=served.functions
    )
    _write_extra(aside / 'model', model, config, workdir, *prior[1:])
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
  folder: Path,
  model: VQVAE,
  config: configs.Config,
  workdir: Workdir,
  prior: PriorConfig | None,
  standing: code_bits.Standing | None,
) -> None:
  """Adds the model card and the training log, where SavedModels keep extras."""
  extra = folder / 'assets.extra'
  extra.mkdir()
  grid = list(model.code_shape)
  splits, _ = metrics_file.of_best(workdir)
  state = workdir.last_state()
  (extra / 'README.md').write_text(
    card.text(config, state, splits, __version__, grid, prior, standing)
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
    'last_step': workdir.last_state().step,
    'codebook_sizes': list(model.quantizer.codebook_sizes),
    'class_names': list(config.class_names),
    'metrics': metrics_file.of_best(workdir)[0],
    'versions': {'tensorflow': tf.__version__, 'vqvae_tf': __version__},
  }


def _of_prior(
  prior: CodePrior | None,
  config: PriorConfig | None,
  standing: code_bits.Standing | None,
) -> dict:
  """Returns what metadata.json says of a prior; nothing where there is none."""
  if not prior:
    return {}
  return {
    'prior': {
      'config': json.loads(configs.to_json(config)),
      'step': standing.step,
      'num_classes': prior.num_classes,
      'validation': standing._asdict(),
    }
  }
