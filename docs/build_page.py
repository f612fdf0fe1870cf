"""Builds the page to play with: `make docs`.

  python docs/build_page.py FOLDER

FOLDER gets the files of docs/play/ and data.js, which has all that the page
loads: the decoder of the MNIST model as ONNX, codes that its prior has drawn,
and ONNX Runtime for browsers, which npm fetches once, into build/.
"""

import gzip
import json
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

import numpy as np

from vqvae_tf.errors import UserError

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODEL = ROOT / 'assets/models/mnist'
SOURCES = sorted((ROOT / 'docs/play').iterdir())
# Later versions are larger: with 1.30.0 the page would exceed 5 MB.
RUNTIME = 'onnxruntime-web', '1.26.0'
CACHE = ROOT / 'build'
_SAMPLES = 200
# The first of 2^15 code points without a surrogate or an end of line.
_FIRST_POINT = 0x3400


def build(folder: pathlib.Path, cache: pathlib.Path = CACHE) -> None:
  """Writes the page.

  Args:
    folder: to write to; files of these names are replaced.
    cache: keeps what npm fetches.

  Raises:
    UserError: if npm or a library is missing; it says how to get it.
  """
  parts = runtime(cache) | _model()
  folder.mkdir(parents=True, exist_ok=True)
  for path in SOURCES:
    shutil.copy(path, folder)
  values = {name: packed(content) for name, content in parts.items()}
  script = f'const DATA = {json.dumps(values, ensure_ascii=False)};\n'
  # A browser believes this mark before what a server says of the encoding.
  content = f'\ufeff{script}'.encode('utf-16-le')
  (folder / 'data.js').write_bytes(content)


def packed(content: bytes) -> dict[str, int | str]:
  """Compresses bytes and writes them as text, 15 bits a character.

  A page from the file system may load scripts and nothing else. In UTF-16 such
  text is 1/15 larger than the bytes, where base64 is a third larger.

  Returns:
    `bytes`, how many they are when compressed, and `text`.
  """
  content = gzip.compress(content, mtime=0)
  bits = np.unpackbits(np.frombuffer(content, np.uint8))
  bits = np.pad(bits, (0, -len(bits) % 15)).reshape(-1, 15)
  points = bits @ (1 << np.arange(15, dtype=np.uint16)[::-1]) + _FIRST_POINT
  text = points.astype('<u2').tobytes().decode('utf-16-le')
  return {'bytes': len(content), 'text': text}


def runtime(cache: pathlib.Path = CACHE) -> dict[str, bytes]:
  """Returns ONNX Runtime, a module of JavaScript and one of WebAssembly.

  Args:
    cache: as for `build`.

  Raises:
    UserError: if npm is missing or cannot fetch it.
  """
  name, version = RUNTIME
  archive = cache / f'{name}-{version}.tgz'
  if not archive.exists():
    _fetch(f'{name}@{version}', archive)
  with tarfile.open(archive) as files:
    return {
      'runtime': _member(files, 'ort.wasm.bundle.min.mjs'),
      'wasm': _member(files, 'ort-wasm-simd-threaded.wasm'),
    }


def _fetch(package, archive):
  npm = shutil.which('npm')
  if npm is None:
    raise UserError('npm is not installed: install Node.js, which has it')
  archive.parent.mkdir(exist_ok=True)
  command = [npm, 'pack', '--loglevel=error', package]
  # What is cut off must not look like the whole.
  with tempfile.TemporaryDirectory(dir=archive.parent) as aside:
    done = subprocess.run(command, cwd=aside, capture_output=True, text=True)
    if done.returncode:
      reason = (done.stderr.strip() or 'no reason given').splitlines()[0]
      raise UserError(f'npm cannot fetch {package}, is it online? {reason}')
    pathlib.Path(aside, archive.name).rename(archive)


def _member(files, name):
  return files.extractfile(f'package/dist/{name}').read()


def _model():
  """Returns the decoder as ONNX, and what the page knows beside it as JSON."""
  # TensorFlow takes seconds to load, which a missing npm must not cost.
  from vqvae_tf.models import model_doors
  from vqvae_tf.portable import conversion, folder, onnx_files
  from vqvae_tf.serving import rebuilt

  folder.check_installed('onnx')
  found = rebuilt.from_export(MODEL)
  example = found.config.example_shape
  with conversion.tracing(has_cross_entropy=True):
    door = model_doors(found.model, example, found.prior)['decode']
    door.get_concrete_function()
  with tempfile.TemporaryDirectory() as aside:
    left_out = onnx_files.convert({'decode': door}, pathlib.Path(aside))
    assert not left_out, left_out
    decoder = pathlib.Path(aside, 'decode.onnx').read_bytes()
  [codebook] = found.model.quantizer.codebooks
  about = {'side': example[0], 'hues': _hues(codebook.numpy()), **_samples()}
  return {'model': decoder, 'about': json.dumps(about).encode()}


def _samples():
  """Returns codes that the prior draws, as many of each class."""
  from vqvae_tf.sampling import draw
  from vqvae_tf.serving import load

  subject = load.from_export(MODEL)
  draws = draw.draw(subject, _SAMPLES, draw.labels(subject, None), seed=0)
  names = [subject.config.class_names[label] for label in draws.labels]
  return {
    'grid': draws.codes.shape[1],
    'samples': [codes.ravel().tolist() for codes in draws.codes],
    'classes': names,
  }


def _hues(codebook):
  """Returns a hue in degrees for each code; codes that are near look alike.

  Args:
    codebook: `[D, K]`.
  """
  centred = codebook - codebook.mean(1, keepdims=True)
  # The plane in which the embeddings vary most.
  _, scales, (x, y, *_) = np.linalg.svd(centred, full_matrices=False)
  angles = np.degrees(np.arctan2(y, x))
  return np.round(angles % 360).astype(int).tolist()


def main() -> None:
  """Runs the script."""
  if len(sys.argv) != 2:
    sys.exit('python docs/build_page.py FOLDER')
  folder = pathlib.Path(sys.argv[1])
  try:
    build(folder)
  except UserError as error:
    # The guides are whole without it.
    print(f'the page to play with is left out: {error}')
    return
  size = sum(path.stat().st_size for path in folder.iterdir())
  print(f'{folder / "index.html"}: {size / 1e6:.2f} MB in all')


if __name__ == '__main__':
  main()
