"""What Keras has to be for these layers: it is looked at on import."""

import os
import warnings

import keras

if keras.backend.backend() != 'tensorflow':
  raise ImportError(
    f'vqvae_tf.keras needs the TensorFlow backend, but Keras runs on '
    f'{keras.backend.backend()}: set KERAS_BACKEND=tensorflow before the '
    'first import of keras.'
  )

# As TensorFlow reads it.
if os.environ.get('TF_USE_LEGACY_KERAS') in ('1', 'true', 'True'):
  warnings.warn(
    'With TF_USE_LEGACY_KERAS tf.keras is Keras 2, whose models cannot hold '
    'the layers of vqvae_tf.keras: make models by `import keras` (Keras 3).',
    stacklevel=2,
  )
