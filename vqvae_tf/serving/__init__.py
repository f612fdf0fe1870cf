"""Trained models, from a run or from an export."""

from vqvae_tf.serving.codec import Codec, Sizes

__all__ = ['Codec', 'Sizes']
