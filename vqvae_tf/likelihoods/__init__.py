"""Likelihoods p(x | params) over uint8 pixels, as probability masses."""

from vqvae_tf.likelihoods.autoregressive import Autoregressive
from vqvae_tf.likelihoods.bernoulli import Bernoulli
from vqvae_tf.likelihoods.categorical import Categorical
from vqvae_tf.likelihoods.likelihood import Likelihood
from vqvae_tf.likelihoods.logistic_mixture import LogisticMixture
from vqvae_tf.likelihoods.normal import Normal

__all__ = [
  'Autoregressive',
  'Bernoulli',
  'Categorical',
  'Likelihood',
  'LogisticMixture',
  'Normal',
]
