import tensorflow as tf

from vqvae_tf import configs
from vqvae_tf.optimizers.loss_scale import COMPUTE_DTYPES, LossScale


def test_every_choice_has_a_dtype():
  [choices] = (
    field.metadata['choices']
    for field, _ in configs.fields(configs.Config())
    if field.name == 'precision'
  )
  assert tuple(COMPUTE_DTYPES) == choices


def test_an_overflow_halves_the_scale():
  scale = LossScale()
  scale.update(tf.constant(True))
  assert (scale.value.numpy(), scale.good_steps.numpy()) == (2**15, 1)
  scale.update(tf.constant(False))
  assert (scale.value.numpy(), scale.good_steps.numpy()) == (2**14, 0)


def test_2000_good_steps_double_it():
  scale = LossScale()
  scale.good_steps.assign(1_998)
  scale.update(tf.constant(True))
  assert (scale.value.numpy(), scale.good_steps.numpy()) == (2**15, 1_999)
  scale.update(tf.constant(True))
  assert (scale.value.numpy(), scale.good_steps.numpy()) == (2**16, 0)
