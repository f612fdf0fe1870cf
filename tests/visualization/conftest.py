"""A model made of arithmetic, and closed figures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from vqvae_tf import configs
from vqvae_tf.datasets.source import Arrays, ArraySource
from vqvae_tf.models import ServedPrior, Traits
from vqvae_tf.serving.subject import Subject
from vqvae_tf.visualization import canvas, material


@pytest.fixture(autouse=True)
def closed_figures():
  yield
  assert not plt.get_fignums()


@pytest.fixture
def drawn(monkeypatch):
  """The strips of pictures, in place of their files."""
  strips = []
  monkeypatch.setattr(canvas, 'sheet', strips.extend)
  monkeypatch.setattr(canvas, 'save', lambda figure, path: path)
  return strips


@pytest.fixture
def source():
  """Ten grey images of 4x6 pixels; image i is a ramp from 10 i on."""
  ramp = np.arange(24).reshape(4, 6, 1)
  images = np.stack([ramp + 10 * i for i in range(10)]).astype(np.uint8)
  return ArraySource('ramps', 'test', Arrays(images, np.zeros(10, np.int32)))


@pytest.fixture
def make(source):
  """Makes a `Material` of 2x3 positions, whose codes are pixels / 10.

  A code k becomes a block of the colour 10 k; its vector is (k, -k). Samples of
  an autoregressive decoder have their row in the batch for a noise. Where there
  is a prior, a code of class y costs |code - y| bits; each pixel costs its own
  value. `others` are doors by name in place of these; None: there is none.
  """
  decoded = []

  def run(
    sizes=(16,),
    num_frames=None,
    data=source,
    num_classes=None,
    others=None,
    **settings,
  ):
    config = configs.replace(configs.Config(), **settings)
    names = tuple('abc'[: num_classes or 0])
    config = configs.observed(config, (4, 6, 1), names)
    sampled = config.likelihood.decoder == 'autoregressive'

    def encode(images):
      codes = np.asarray(images)[:, ::2, ::2].astype(np.int32) // 10
      codes = np.repeat(codes, len(sizes), -1)
      return {'codes': np.minimum(codes, np.array(sizes) - 1)}

    def decode(codes, seed=None):
      codes = np.asarray(codes)
      decoded.append(len(codes))
      colours = (10 * codes[..., :1]).repeat(2, 1).repeat(2, 2)
      noise = np.arange(len(codes)) if sampled else np.zeros(len(codes))
      images = (colours + noise[:, None, None, None]).astype(np.uint8)
      return {'images': images}

    def embed(codes):
      codes = np.asarray(codes)
      vectors = np.concatenate([codes, -codes], -1)
      return {'embeddings': vectors.astype(np.float32)}

    def assess(images):
      codes = encode(images)
      bits = np.asarray(images)[:, 0, 0, 0].astype(np.float32)
      found = codes | {'pixel_bits': bits, 'code_bits_uniform': bits}
      return found if sampled else found | decode(**codes)

    def pixel_bits(codes, images):
      bits_map = np.asarray(images).sum(-1, dtype=np.float32)
      return {'pixel_bits_map': bits_map}

    def prior_nll(codes, labels=0):
      labels = np.reshape(labels, [-1, 1, 1, 1])
      return {'code_bits': np.abs(np.asarray(codes) - labels)}

    def sample(num, seed, label, temperature, top_p, given, mask):
      assert temperature == top_p == 1
      codes = np.full([num, 2, 3, len(sizes)], label + 1)
      return {'codes': codes} | decode(codes)

    doors = {
      'assess': assess,
      'decode': decode,
      'embed': embed,
      'encode': encode,
      'pixel_bits': pixel_bits,
      'prior_nll': prior_nll,
      'sample': sample,
    }
    doors = {k: v for k, v in (doors | (others or {})).items() if v}
    traits = Traits((2, 3, len(sizes)), tuple(sizes), sampled)
    prior = None
    if num_classes is not None:
      prior = ServedPrior(doors, traits.code_shape, traits[1], num_classes)
    subject = Subject(doors, traits, config, 'arithmetic', prior)
    result = material.Material(subject, data, num_frames=num_frames)
    result.decoded = decoded
    return result

  return run
