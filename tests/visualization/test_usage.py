import matplotlib.pyplot as plt
import numpy as np

from vqvae_tf.visualization import usage


def test_shares_by_hand():
  figure = usage.figure([np.array([0, 2, 6, 0]), np.array([1, 1])], 'of what')
  first, second = figure.axes
  [stairs] = first.patches
  assert stairs.get_data().values.tolist() == [75, 25, 0, 0]
  # Entropy of (1/4, 3/4): 0.8113 bits, 1.75 codes.
  title = 'codebook 0: 50.0 % of 4 codes in use, perplexity 1.8 (dashed: '
  assert first.get_title().startswith(title)
  assert second.get_title().startswith('codebook 1: 100.0 % of 2 codes')
  assert second.lines[0].get_ydata()[0] == 50
  assert figure.get_suptitle() == 'of what'
  plt.close(figure)


def test_not_all_of_many_codebooks():
  figure = usage.figure([np.ones(2)] * 6, 'six')
  assert len(figure.axes) == 4
  assert figure.get_suptitle() == 'six (the first 4 of 6 codebooks)'
  plt.close(figure)
