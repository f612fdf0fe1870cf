import functools

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

from vqvae_tf.nets import Decoder, Encoder, ResidualStack, halved_sizes, resnet

SMALL = (8, 1, 4)


def normal(*shape):
  return tf.random.stateless_normal(shape, [1, 2])


def test_sizes_floor():
  assert halved_sizes((28, 28), 3) == [(28, 28), (14, 14), (7, 7), (3, 3)]
  assert halved_sizes((32, 9), 2) == [(32, 9), (16, 4), (8, 2)]
  assert halved_sizes((9,), 2) == [(9,), (4,), (2,)]


@pytest.mark.parametrize('size', [(7, 8), (8, 7)])
def test_too_small_sizes_are_refused(size):
  with pytest.raises(
    ValueError,
    match=f'example of size {size[0]}x{size[1]} cannot be halved 3 times: use '
    'fewer halvings or larger examples',
  ):
    halved_sizes(size, 3)


@pytest.mark.parametrize('size', [(), (8, 8, 8, 8)])
def test_another_number_of_sides_is_refused(size):
  with pytest.raises(ValueError, match='one to three sides before its chan'):
    halved_sizes(size, 1)


def test_networks_refuse_too_small_images():
  with pytest.raises(ValueError, match='cannot be halved 2 times'):
    Encoder(*SMALL, 2)(normal(1, 3, 4, 1))
  with pytest.raises(ValueError, match='cannot be halved 2 times'):
    Decoder(1, (3, 4), *SMALL, 2)


@pytest.mark.parametrize('num_halvings', [1, 2, 3])
@pytest.mark.parametrize('extra', [(0, 0), (1, 0), (3, 5)])
def test_every_size_from_the_stride_on(num_halvings, extra):
  stride = 2**num_halvings
  size = (stride + extra[0], stride + extra[1])
  features = Encoder(*SMALL, num_halvings)(normal(2, *size, 3))
  grid = halved_sizes(size, num_halvings)[-1]
  assert features.shape == (2, *grid, 8)
  decoder = Decoder(5, size, *SMALL, num_halvings)
  assert decoder.grid_size == grid
  assert decoder(features).shape == (2, *size, 5)


def test_28_pixels_become_three_and_28_again():
  features = Encoder(*SMALL, 3)(normal(1, 28, 28, 1))
  assert features.shape == (1, 3, 3, 8)
  assert Decoder(2, (28, 28), *SMALL, 3)(features).shape == (1, 28, 28, 2)


@pytest.mark.parametrize(
  'num_halvings, expected', [(1, [8]), (2, [4, 8]), (3, [4, 8, 8])]
)
def test_channels_of_the_halvings(num_halvings, expected):
  """With two halvings as in Sonnet's example: half the channels, then all."""
  encoder = Encoder(*SMALL, num_halvings)
  encoder(normal(1, 8, 8, 1))
  names = {v.name: v.shape[-1] for v in encoder.variables}
  halvings = [names[f'encoder/halve_{i}/w:0'] for i in range(num_halvings)]
  # One halving still has half of them: the convolution after it has all.
  assert halvings == ([4] if num_halvings == 1 else expected)
  assert names['encoder/conv/w:0'] == 8


def test_one_channel_is_enough():
  features = Encoder(1, 1, 1, 2)(normal(1, 4, 4, 1))
  assert Decoder(1, (4, 4), 1, 1, 1, 2)(features).shape == (1, 4, 4, 1)


def test_another_rank_is_refused():
  convolution = resnet.Convolution(2, 3)
  convolution(normal(1, 4, 4, 1))
  with pytest.raises(
    ValueError, match=r'kernel of convolution has 2 sides: .* not \(1, 4, 1\)'
  ):
    convolution(normal(1, 4, 1))


def test_wrong_grid_is_refused():
  decoder = Decoder(1, (9, 9), *SMALL, 1)
  with pytest.raises(ValueError, match=r'grid of \(4, 4\) .* not \(3, 4\)'):
    decoder(normal(1, 3, 4, 8))


@pytest.mark.parametrize('size', [(8, 8), (9, 7)])
def test_unknown_batch_size(size):
  encoder = Encoder(*SMALL, 2)
  decoder = Decoder(3, size, *SMALL, 2)

  @tf.function(input_signature=[tf.TensorSpec([None, *size, 1], tf.float32)])
  def both(inputs):
    features = encoder(inputs)
    assert features.shape[1:] == (2, size[1] // 4, 8)
    return decoder(features)

  assert both.get_concrete_function().output_shapes[1:] == (*size, 3)
  inputs = normal(3, *size, 1)
  # Rounding differs between the two ways to run the convolutions.
  np.testing.assert_allclose(
    both(inputs), decoder(encoder(inputs)), rtol=1e-4, atol=1e-5
  )


PADDING = [[0, 0], [1, 1], [1, 1], [0, 0]]


@pytest.mark.parametrize('size', [(8, 8), (4, 6), (9, 9), (8, 7)])
def test_images_are_padded_by_a_pixel_on_every_side(size):
  down, up = resnet.Downsample(4), resnet.Upsample(3, size)
  inputs, grid = normal(2, *size, 3), normal(2, size[0] // 2, size[1] // 2, 5)
  outputs = down(inputs), up(grid)
  expected = (
    tf.nn.conv2d(inputs, down.w, 2, PADDING),
    tf.nn.conv2d_transpose(grid, up.w, [2, *size, 3], 2, PADDING),
  )
  # 'SAME', of even sides, adds 16 products in another order. What trained
  # models of odd sides compute stays the same to the last bit.
  atol = 0 if any(side % 2 for side in size) else 1e-5
  for a, b in zip(outputs, expected, strict=True):
    np.testing.assert_allclose(a, b, rtol=0, atol=atol)


def product(sides):
  """Returns the outer product of a vector for each side."""
  return functools.reduce(np.multiply.outer, sides)


def with_ramps(module, inputs):
  """Gives a module a kernel that is 1, 2, 3, 4 along each side."""
  module(inputs)
  ramp = product([np.arange(1.0, 5.0)] * (inputs.shape.rank - 2))
  module.w.assign(ramp[..., np.newaxis, np.newaxis])
  return module(inputs)[0, ..., 0].numpy()


SIZES = [(5,), (4,), (5, 5), (4, 5), (4, 4), (5, 4, 5), (4, 4, 4)]


@pytest.mark.parametrize('size', SIZES)
def test_downsample_by_hand(size):
  """The windows see -1..2 and 1..4: of five places none is left out."""
  # 2 + 3 + 4, and 1 + 2 + 3 or 1 + 2 + 3 + 4.
  seen = {4: [9, 6], 5: [9, 10]}
  outputs = with_ramps(resnet.Downsample(1), tf.ones([1, *size, 1]))
  np.testing.assert_array_equal(outputs, product([seen[n] for n in size]))


@pytest.mark.parametrize('size', SIZES)
def test_upsample_by_hand(size):
  """Every place of an odd side is painted by the windows that see it."""
  # 2, 3, 4 of -1..2 and 1, 2, 3, 4 of 1..4.
  painted = np.array([2, 3 + 1, 4 + 2, 3, 4])
  grid = tf.ones([1, *[2] * len(size), 1])
  outputs = with_ramps(resnet.Upsample(1, size), grid)
  np.testing.assert_array_equal(outputs, product([painted[:n] for n in size]))


@pytest.mark.parametrize('size', [(9,), (6, 4, 5)])
def test_other_ranks_come_back_to_their_size(size):
  encoder, decoder = Encoder(*SMALL, 2), Decoder(3, size, *SMALL, 2)
  features = encoder(normal(2, *size, 1))
  assert features.shape == (2, *(side // 4 for side in size), 8)
  assert decoder(features).shape == (2, *size, 3)
  kernel = next(v for v in encoder.variables if 'conv/w' in v.name)
  assert kernel.shape == (*[3] * len(size), 8, 8)


@pytest.mark.parametrize('size', [(5,), (4, 6, 5)])
def test_other_ranks_have_gradients(size):
  convolution = resnet.Convolution(2, 3)
  inputs = tf.ones([1, *size, 1])
  convolution(inputs)
  with tf.GradientTape() as tape:
    outputs = tf.reduce_sum(convolution(inputs))
  gradient = tape.gradient(outputs, convolution.w)
  # A middle tap sees each place of a side, an outer one all but one.
  seen = product([np.array([n - 1, n, n - 1]) for n in size])
  np.testing.assert_array_equal(gradient[..., 0, 0], seen)


def test_residual_block_by_hand():
  stack = ResidualStack(2, 1, 1)
  inputs = tf.constant([[[[1.0, -2.0]]]])
  stack(inputs)
  conv3, conv1 = stack._blocks[0]
  centre = np.zeros([3, 3, 2, 1], np.float32)
  centre[1, 1, :, 0] = [3, 5]
  conv3.w.assign(centre)
  conv1.w.assign([[[[2.0, -1.0]]]])
  # relu(x) = (1, 0) -> 3 -> (6, -3); x + that = (7, -5); ReLU at the end.
  np.testing.assert_array_equal(stack(inputs)[0, 0, 0], [7, 0])


def test_no_residual_layer_leaves_a_relu():
  inputs = normal(1, 2, 2, 3)
  np.testing.assert_array_equal(
    ResidualStack(3, 0, 4)(inputs), tf.nn.relu(inputs)
  )


@pytest.mark.parametrize('dtype', [tf.float16, tf.bfloat16])
def test_networks_compute_in_the_dtype_of_their_inputs(dtype):
  encoder, decoder = Encoder(*SMALL, 1), Decoder(2, (8, 8), *SMALL, 1)
  features = encoder(normal(2, 8, 8, 3))
  outputs = decoder(features)
  low = encoder(tf.cast(normal(2, 8, 8, 3), dtype))
  assert low.dtype == dtype
  assert decoder(low).dtype == dtype
  # A few roundings of 8 significant bits.
  np.testing.assert_allclose(
    tf.cast(decoder(low), tf.float32), outputs, atol=0.1 * np.std(outputs)
  )
  variables = (*encoder.variables, *decoder.variables)
  assert {variable.dtype for variable in variables} == {tf.float32}


def test_a_convolution_is_sonnets():
  ours, theirs = resnet.Convolution(5, 3), snt.Conv2D(5, 3)
  inputs = normal(2, 8, 8, 3)
  ours(inputs), theirs(inputs)
  assert [v.shape for v in ours.variables] == [
    v.shape for v in theirs.variables
  ]
  theirs.w.assign(ours.w)
  np.testing.assert_array_equal(ours(inputs), theirs(inputs))
