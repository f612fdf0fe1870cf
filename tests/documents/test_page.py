"""The page to play with draws what the export does, by itself."""

import functools
import http.server
import importlib.util
import json
import pathlib
import re
import shutil
import threading

import numpy as np
import pytest
import tensorflow as tf

from vqvae_tf.errors import UserError

for _library in ('tf2onnx', 'onnxruntime', 'selenium'):
  pytest.importorskip(_library)
if not (shutil.which('chromium') and shutil.which('chromedriver')):
  pytest.skip('there is no chromium', allow_module_level=True)

from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
K = 1024

_spec = importlib.util.spec_from_file_location(
  'build_page', ROOT / 'docs/build_page.py'
)
build_page = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(build_page)


@pytest.fixture(scope='module')
def page(tmp_path_factory):
  """The folder of the page; nobody may change it."""
  try:
    build_page.runtime()
  except UserError as error:
    pytest.skip(str(error))
  folder = tmp_path_factory.mktemp('page')
  build_page.build(folder)
  return folder


class Handler(http.server.SimpleHTTPRequestHandler):
  def log_message(self, *_):
    """Says nothing of what is asked for."""


@pytest.fixture(scope='module')
def host(page):
  """The address of a static host."""
  handler = functools.partial(Handler, directory=page)
  with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown()


@pytest.fixture(scope='module')
def chromium():
  options = webdriver.ChromeOptions()
  options.binary_location = shutil.which('chromium')
  # Its sandbox refuses root; nothing foreign is opened.
  for flag in ('--headless=new', '--no-sandbox', '--window-size=900,1100'):
    options.add_argument(flag)
  options.set_capability('goog:loggingPrefs', {'performance': 'ALL'})
  service = webdriver.ChromeService(shutil.which('chromedriver'))
  with webdriver.Chrome(options, service) as browser:
    yield browser


class Page:
  """What is seen of the page, and what is done to it."""

  def __init__(self, browser):
    self.browser = browser

  def run(self, script, *values):
    return self.browser.execute_script(script, *values)

  def find(self, name):
    return self.browser.find_element('id', name)

  def cell(self, index):
    return self.browser.find_elements('css selector', '#grid button')[index]

  def until(self, condition):
    WebDriverWait(self.browser, 60, 0.05).until(lambda _: condition())

  def codes(self):
    """The codes of the picture, once it is that of the grid."""
    self.until(lambda: self.run('return canvas.dataset.codes') == self.shown())
    return [int(code) for code in self.shown().split()]

  def shown(self):
    return self.run('return cells().map((x) => x.textContent).join(" ")')

  def pixels(self):
    data = self.run('return [...draw.getImageData(0, 0, 28, 28).data]')
    pixels = np.array(data, np.uint8).reshape(28, 28, 4)
    assert (pixels[..., :3] == pixels[..., :1]).all()
    assert (pixels[..., 3] == 255).all()
    return pixels[..., 0]

  def paste(self, text):
    self.run(
      "byId('text').value = arguments[0];"
      "byId('text').dispatchEvent(new Event('input'))",
      text,
    )

  def status(self):
    return self.find('status').text


@pytest.fixture
def opened(chromium, page, host, request):
  """The page as it is opened, from where a test says."""
  places = {'files': page.as_uri(), 'host': host}
  # Another page's requests are in the log till it is read.
  chromium.get_log('performance')
  chromium.get(f'{places[request.param]}/index.html')
  opened = Page(chromium)
  opened.until(lambda: opened.run('return canvas.dataset.codes'))
  return opened


everywhere = pytest.mark.parametrize('opened', ['files', 'host'], indirect=True)
from_files = pytest.mark.parametrize('opened', ['files'], indirect=True)


def test_is_small_and_names_no_other_place(page):
  assert sum(path.stat().st_size for path in page.iterdir()) <= 5e6
  for path in page.iterdir():
    if path.name != 'data.js':
      assert not re.search(r'//\S', path.read_text()), path


@everywhere
def test_loads_nothing_from_elsewhere(opened):
  opened.codes()
  log = opened.browser.get_log('performance')
  messages = [json.loads(entry['message'])['message'] for entry in log]
  urls = {
    message['params']['request']['url']
    for message in messages
    if message['method'] == 'Network.requestWillBeSent'
  }
  base = opened.browser.current_url.removesuffix('index.html')
  names = {url.removeprefix(base) for url in urls if url.startswith(base)}
  assert names == {'index.html', 'play.css', 'data.js', 'play.js'}
  others = {url.split(':')[0] for url in urls if not url.startswith(base)}
  assert others <= {'blob', 'data'}


@everywhere
def test_clicks_change_the_picture(opened):
  codes, pixels = opened.codes(), opened.pixels()
  opened.cell(17).click()
  name = 'more' if codes[17] < K - 1 else 'less'
  opened.find(name).click()
  changed = opened.codes()
  assert [i for i in range(49) if changed[i] != codes[i]] == [17]
  assert (opened.pixels() != pixels).any()
  assert opened.status().endswith(', changed')
  opened.find('reset').click()
  assert opened.codes() == codes
  assert (opened.pixels() == pixels).all()


@everywhere
def test_draws_what_the_export_does(opened):
  """To the last pixel, of codes that are likely and of any codes."""
  random = np.random.default_rng(0)
  likely = np.array(opened.run('return about.samples'))
  assert likely.shape == (200, 49)
  batch = np.concatenate([likely[::10], random.integers(K, size=[10, 49])])
  drawn = []
  for codes in batch.tolist():
    opened.paste(' '.join(map(str, codes)))
    assert opened.codes() == codes
    drawn.append(opened.pixels())
  model = tf.saved_model.load(str(ROOT / 'assets/models/mnist'))
  codes = tf.constant(batch.reshape(-1, 7, 7, 1), tf.int32)
  images = model.signatures['decode'](codes=codes)['images']
  np.testing.assert_array_equal(drawn, images[..., 0])


@from_files
def test_keys_choose_and_change(opened):
  codes = opened.codes()
  opened.cell(10).click()
  opened.cell(10).send_keys(Keys.ARROW_DOWN)
  opened.browser.switch_to.active_element.send_keys(Keys.ARROW_LEFT)
  assert opened.find('place').text == 'Code in row 3, column 3'
  step = 1 if codes[16] < K - 1 else -1
  opened.find('slider').send_keys(
    Keys.ARROW_RIGHT if step == 1 else Keys.ARROW_LEFT
  )
  assert opened.codes()[16] == codes[16] + step
  opened.cell(16).send_keys('-' if step == 1 else '+')
  assert opened.codes() == codes


@from_files
def test_a_click_on_the_picture_chooses_the_code_below(opened):
  opened.codes()
  opened.find('picture').click()
  assert opened.find('place').text == 'Code in row 4, column 4'
  assert opened.cell(24).get_attribute('aria-pressed') == 'true'


@from_files
def test_samples_are_those_of_the_prior(opened):
  samples, classes = opened.run('return [about.samples, about.classes]')
  assert classes == [str(i // 20) for i in range(200)]
  seen = set()
  for _ in range(5):
    opened.find('sample').click()
    index = samples.index(opened.codes())
    seen.add(index)
    assert opened.status() == f'A sample of the prior: {classes[index]}'
  assert len(seen) > 1


@from_files
def test_walks_until_it_is_paused(opened):
  codes = opened.codes()
  opened.find('walk').click()
  assert opened.find('walk').text == 'Pause'

  def moved():
    now = map(int, opened.shown().split())
    return sum(a != b for a, b in zip(codes, now, strict=True)) > 3

  opened.until(moved)
  opened.find('walk').click()
  assert opened.find('walk').text == 'Random walk'
  assert opened.run('return walking') is None
  opened.codes()


@from_files
@pytest.mark.parametrize(
  'text, found',
  [
    ('1 2 3', '3 are there'),
    ('1024 ' * 49, '“1024” is none'),
    ('-1 ' * 49, '“-1” is none'),
    ('a ' * 49, '“a” is none'),
  ],
  ids=['few', 'large', 'negative', 'words'],
)
def test_wrong_codes_are_named(opened, text, found):
  codes = opened.codes()
  opened.paste(text)
  assert opened.status().endswith(f'make a picture: {found}')
  assert opened.codes() == codes


def test_says_what_to_do_without_its_data(chromium, page, tmp_path):
  for path in page.iterdir():
    if path.name != 'data.js':
      shutil.copy(path, tmp_path)
  chromium.get(f'{tmp_path.as_uri()}/index.html')
  assert Page(chromium).status().startswith('data.js is missing: `make docs`')


def test_says_that_npm_is_missing(tmp_path, monkeypatch):
  monkeypatch.setenv('PATH', '')
  with pytest.raises(UserError, match='npm is not installed: install Node.js'):
    build_page.build(tmp_path / 'page', cache=tmp_path)
  assert not (tmp_path / 'page').exists()
