"""Code as users write it, which mypy checks and nobody runs."""

from pathlib import Path

import tensorflow as tf

import vqvae_tf
from vqvae_tf import configs, likelihoods, nets
from vqvae_tf.models import VQVAE, Assessment, Losses
from vqvae_tf.quantizers import Quantizer
from vqvae_tf.serving import load


def quantize(vectors: tf.Tensor) -> float:
  policy = vqvae_tf.CodebookPolicy('kmeans++', unused_codes='restart')
  quantizer = vqvae_tf.VectorQuantizerEMA(
    embedding_dim=64,
    num_embeddings=512,
    commitment_cost=0.25,
    decay=0.99,
    policy=policy,
  )
  result: dict[str, tf.Tensor] = quantizer(vectors, is_training=True)
  codes = quantizer.encode(vectors)
  quantizer.decode(codes)
  bits: float = quantizer.bits_per_position
  return bits + float(result['loss'])


def any_quantizer(quantizer: Quantizer, vectors: tf.Tensor) -> int:
  found = quantizer.forward(vectors, is_training=False)
  sizes: tuple[int, ...] = quantizer.codebook_sizes
  return sizes[0] * int(found.codes.shape[-1])


def several() -> Quantizer:
  stages = [vqvae_tf.VectorQuantizer(4, 16, 0.25) for _ in range(3)]
  return vqvae_tf.ResidualQuantizer(stages, dropout=0.5)


def own_model(batch: tf.Tensor) -> tf.Tensor:
  likelihood = likelihoods.LogisticMixture(3, 5)
  network = (128, 2, 32, 2)
  model = VQVAE(
    nets.Encoder(*network),
    vqvae_tf.LookupFreeQuantizer(8),
    nets.Decoder(likelihood.num_params, (32, 32), *network),
    likelihood,
  )
  losses: Losses = model.losses(batch, is_training=True)
  assessment: Assessment = model.assess(batch)
  return losses.loss + tf.reduce_mean(assessment.pixel_bits)


def settings() -> str:
  config = configs.replace(configs.Config(), steps=10, dataset='digits')
  again: configs.Config = configs.from_json(
    configs.to_json(config), configs.Config
  )
  steps: int = again.run.steps
  return f'{steps} {configs.command(again)}'


def trained(images: tf.Tensor) -> tuple[int, ...]:
  subject = load.from_export('exports/mnist')
  subject.decode(subject.encode(images))
  return subject.codebook_sizes


def files(images: tf.Tensor) -> bytes:
  codec = vqvae_tf.Codec(Path('exports/mnist'))
  return codec.compress(images)


def by_name(images: tf.Tensor) -> list[str]:
  model = vqvae_tf.load('mnist')
  model.decode(model.encode(images))
  bits: float = model.nll(images).bits_per_dim.mean()
  made = vqvae_tf.train('mnist', images, steps=10, callback=print)
  drawn = made.sample(3, label='7').images
  return [each.name for each in vqvae_tf.models() if bits < len(drawn)]


def whole_model() -> vqvae_tf.keras.VQVAE:
  model = vqvae_tf.keras.VQVAE([28, 28, 1], 'mnist', num_hiddens=16)
  model.compile(jit_compile=False)
  return model


def in_keras() -> vqvae_tf.keras.QuantizerLayer:
  return vqvae_tf.keras.FiniteScalarQuantizer(levels=(8, 5, 5))


def mistakes(vectors: tf.Tensor) -> None:
  """What mypy must find: it tells of a comment that ignores nothing."""
  vqvae_tf.VectorQuantiser(4, 16, 0.25)  # type: ignore[attr-defined]
  vqvae_tf.VectorQuantizer(4, '16', 0.25)  # type: ignore[arg-type]
  quantizer = vqvae_tf.LookupFreeQuantizer(8, bits=3)  # type: ignore[call-arg]
  quantizer.encode(vectors, False)  # type: ignore[call-arg]
  print(configs.Config().run.step)  # type: ignore[attr-defined]
