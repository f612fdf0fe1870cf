"""Packaging of vqvae_tf."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
VERSION = re.search(
  r"__version__ = '(.+)'", (ROOT / 'vqvae_tf/version.py').read_text()
)[1]
COMMANDS = (
  'cifar10',
  'compress',
  'decompress',
  'demo',
  'evaluate',
  'export',
  'mnist',
  'prior',
  'sample',
  'speech',
  'train',
  'visualize',
)

# Of Python 3. For 3.14 TensorFlow has no release yet.
MINORS = range(10, 14)
# What runs the notebooks where nobody looks.
EXECUTE = ['ipykernel>=6', 'ipywidgets>=8', 'nbclient>=0.10']
NOTEBOOKS = ['jupyterlab>=4', *EXECUTE]
DOCS = [
  'mkdocs-material>=9.6',
  'mkdocstrings[python]>=0.30',
  # Plays with the page to play with, in tests.
  'selenium>=4.20',
]
# What the test suite imports beside the package itself.
TEST = [
  'build',
  'mypy>=1.13',
  'pytest>=8',
  # From 3.8 on it can leave the order of the files alone.
  'pytest-xdist>=3.8',
  'ruff>=0.9',
  'setuptools>=68',
  'wheel',
  *EXECUTE,
]

# The trained models that a wheel brings along, 8 MB in all: `load("mnist")`
# works where it is installed. A source tree has the others, too.
PRETRAINED = ('mnist', 'fashion_mnist')


class BuildWithModels(build_py):
  """Builds the package, with trained models from the source tree."""

  def run(self):
    super().run()
    # An editable install reads them where they are.
    if self.editable_mode:
      return
    for name in PRETRAINED:
      model = ROOT / 'assets' / 'models' / name
      target = Path(self.build_lib) / 'vqvae_tf' / 'pretrained' / name
      shutil.copytree(model, target, dirs_exist_ok=True)


setup(
  name='vqvae_tf',
  version=VERSION,
  description='Vector Quantized Variational Autoencoders for TensorFlow',
  long_description=(ROOT / 'README.md').read_text(),
  long_description_content_type='text/markdown',
  license='Apache-2.0',
  packages=find_packages(include=['vqvae_tf', 'vqvae_tf.*']),
  package_data={'vqvae_tf': ['py.typed']},
  cmdclass={'build_py': BuildWithModels},
  python_requires=f'>=3.{MINORS[0]},<3.{MINORS[-1] + 1}',
  install_requires=[
    'absl-py>=2.0',
    'dm-sonnet>=2.0.2',
    # From 3.10 on a Keras variable can hold one of TensorFlow's.
    'keras>=3.10',
    'matplotlib>=3.8',
    'numpy>=1.26',
    # From 10.1 on text can be anchored with its own font.
    'pillow>=10.1',
    'scikit-learn>=1.3',
    # Reads and resamples sounds; scikit-learn needs it, too.
    'scipy>=1.9',
    'tensorboard>=2.18',
    'tensorflow>=2.18,<2.22',
    'tensorflow-datasets>=4.9.4',
    # tensorflow-datasets imports it and does not declare it.
    'importlib_resources',
    'tensorflow-probability>=0.25',
    # tensorflow-probability needs the Keras 2 of TensorFlow's version.
    'tf_keras>=2.18,<2.22',
    # So that matrix products do not wait for cores; scikit-learn needs it, too.
    'threadpoolctl>=3.1',
    'tqdm>=4.60',
  ],
  extras_require={
    'gpu': ['tensorflow[and-cuda]>=2.18,<2.22'],
    'test': TEST,
    'notebooks': NOTEBOOKS,
    'docs': DOCS,
    # What `bin/export --format=tflite` and `--format=onnx` need.
    'litert': ['ai-edge-litert>=2.0'],
    'onnx': ['onnxruntime>=1.20', 'tf2onnx>=1.17'],
    # Lossless JPEG XL, for `bin/evaluate` to measure beside other files.
    'codecs': ['imagecodecs>=2025.3.30'],
    # PyTorch's default wheels bring CUDA along; for the CPU alone, install
    # it first from the CPU index that pytorch.org names, then this extra.
    'benchmarks': [
      'keras-hub>=0.20',
      'torch>=2.4',
      'vector-quantize-pytorch>=1.20',
    ],
  },
  entry_points={
    'console_scripts': [
      f'vqvae-tf-{name} = vqvae_tf.commands.{name}:main' for name in COMMANDS
    ],
  },
  # There is no classifier of TensorFlow.
  keywords=['tensorflow', 'sonnet', 'keras', 'vq-vae', 'vector quantization'],
  # A repository and its documentation join it when they have an address.
  project_urls={'Paper': 'https://arxiv.org/abs/1711.00937'},
  classifiers=[
    'Development Status :: 4 - Beta',
    'Environment :: GPU :: NVIDIA CUDA',
    'Intended Audience :: Developers',
    'Intended Audience :: Education',
    'Intended Audience :: Science/Research',
    'Operating System :: POSIX :: Linux',
    'Programming Language :: Python :: 3',
    *(f'Programming Language :: Python :: 3.{minor}' for minor in MINORS),
    'Topic :: Scientific/Engineering :: Artificial Intelligence',
    'Topic :: Scientific/Engineering :: Image Processing',
    'Typing :: Typed',
  ],
)
