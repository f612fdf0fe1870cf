"""A trained MNIST model in 15 lines of Keras: its bits/dim and seconds.

  python benchmarks/keras_mnist.py --data_dir=FOLDER

What stands between the two marks is all that a user writes: from import to a
model that is evaluated and saved. The last line holds its figures against those
that `bin/evaluate` finds for the saved model.
"""

import argparse
import inspect
import time

from vqvae_tf.training import processor


def fifteen_lines(train, test):
  """Returns a trained model and its figures on the test split."""
  # ---
  import keras

  import vqvae_tf

  keras.utils.set_random_seed(0)
  model = vqvae_tf.keras.VQVAE([28, 28, 1], 'mnist')
  model.compile(keras.optimizers.Adam(1e-3))
  model.fit(train, batch_size=64, epochs=2, validation_split=1 / 12, verbose=2)
  figures = model.evaluate(test, batch_size=100, return_dict=True, verbose=0)
  model.save('mnist.keras')
  # ---
  return model, figures


def main():
  """Trains, evaluates and prints."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--data_dir', required=True, help='the IDX files')
  args = parser.parse_args()
  processor.use_onednn()
  import tensorflow as tf

  from vqvae_tf import datasets
  from vqvae_tf.metrics import measure

  def examples(split):
    source = datasets.open_source('mnist', split, args.data_dir)
    every = tf.range(source.num_examples, dtype=tf.int64)
    return source.fetch(every)[0].numpy()

  train, test = examples('train'), examples('test')
  code = inspect.getsource(fifteen_lines).split('# ---')[1]
  lines = [line for line in code.splitlines() if line.strip()]
  begin = time.perf_counter()
  model, figures = fifteen_lines(train, test)
  seconds = time.perf_counter() - begin
  print(f'{len(lines)} lines, {seconds:.0f} s, {processor.described()}')
  for name, value in figures.items():
    print(f'{name:<20}{value:10.4f}')
  batches = ((test[k : k + 100], None) for k in range(0, len(test), 100))
  sizes = model.core.quantizer.codebook_sizes
  found = measure.measure(model.core.assess, batches, sizes)
  print(f'by bin/evaluate{found.bits_per_dim:15.4f}, {found.psnr_db:.4f} dB')


if __name__ == '__main__':
  main()
