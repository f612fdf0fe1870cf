'use strict';

const TICK_MS = 150;
const FIRST_POINT = 0x3400;

const byId = (id) => document.getElementById(id);
const canvas = byId('canvas');
const draw = canvas.getContext('2d', { willReadFrequently: true });

// What is seen: 49 codes, the place that is chosen, and where reset leads.
let codes = [];
let place = 0;
let start = { codes: [], title: '' };
let about;
let decode;
let walking;

// The data: data.js has each part compressed, 15 bits a character.

async function unpacked({ bytes, text }) {
  const packed = new Uint8Array(bytes);
  let bits = 0;
  let count = 0;
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    bits = (bits << 15) | (text.charCodeAt(i) - FIRST_POINT);
    for (count += 15; count >= 8; at++) {
      count -= 8;
      packed[at] = bits >> count;
    }
    bits &= (1 << count) - 1;
  }
  const unzip = new DecompressionStream('gzip');
  const stream = new Blob([packed]).stream().pipeThrough(unzip);
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Returns what takes codes to pixels.
async function openDecoder() {
  const runtime = await unpacked(DATA.runtime);
  // A page from the file system may import no module that is a file.
  const module = new Blob([runtime], { type: 'text/javascript' });
  const ort = await import(URL.createObjectURL(module));
  ort.env.wasm.wasmBinary = await unpacked(DATA.wasm);
  // Several threads would need headers that not every host sends.
  ort.env.wasm.numThreads = 1;
  const model = await unpacked(DATA.model);
  const session = await ort.InferenceSession.create(model);
  return async (codes) => {
    const shape = [1, about.grid, about.grid, 1];
    const input = new ort.Tensor('int32', Int32Array.from(codes), shape);
    return (await session.run({ codes: input })).images.data;
  };
}

// The picture.

let isDrawing = false;
let isStale = false;

// Draws the codes; those of a moment that is past already are passed over.
async function redraw() {
  isStale = true;
  if (isDrawing) return;
  isDrawing = true;
  while (isStale) {
    isStale = false;
    const shown = [...codes];
    show(await decode(shown));
    canvas.dataset.codes = shown.join(' ');
  }
  isDrawing = false;
}

function show(pixels) {
  const image = draw.createImageData(about.side, about.side);
  pixels.forEach((grey, i) => image.data.set([grey, grey, grey, 255], 4 * i));
  draw.putImageData(image, 0, 0);
}

// Puts a frame around the patch of the picture below which a code lies.
function frame(id, index) {
  const part = 100 / about.grid;
  const { style } = byId(id);
  style.width = style.height = `${part}%`;
  style.left = `${(index % about.grid) * part}%`;
  style.top = `${Math.floor(index / about.grid) * part}%`;
  byId(id).hidden = index < 0;
}

function placeBelow(event) {
  const { left, top, width } = canvas.getBoundingClientRect();
  const cell = (x) =>
    Math.min(about.grid - 1, Math.max(0, Math.floor((x / width) * about.grid)));
  const [row, column] = [event.clientY - top, event.clientX - left].map(cell);
  return row * about.grid + column;
}

// The codes.

const cells = () => [...byId('grid').children];
const clamp = (code) => Math.min(about.hues.length - 1, Math.max(0, code));

function update() {
  cells().forEach((cell, i) => {
    const name = `row ${Math.floor(i / about.grid) + 1}, column ` +
      `${(i % about.grid) + 1}`;
    cell.textContent = codes[i];
    cell.style.setProperty('--hue', about.hues[codes[i]]);
    cell.setAttribute('aria-label', `${name}: code ${codes[i]}`);
    cell.setAttribute('aria-pressed', i === place);
    // The grid is one stop of the tabulator; arrow keys lead on.
    cell.tabIndex = i === place ? 0 : -1;
    if (i === place) byId('place').textContent = `Code in ${name}`;
  });
  for (const id of ['slider', 'number']) byId(id).value = codes[place];
  // What somebody is writing is not written over.
  if (document.activeElement !== byId('text')) {
    byId('text').value = asText();
    byId('text').removeAttribute('aria-invalid');
  }
  frame('chosen', place);
  const isChanged = codes.some((code, i) => code !== start.codes[i]);
  say(isChanged ? `${start.title}, changed` : start.title);
}

function choose(index) {
  place = index;
  update();
}

function change(index, code) {
  codes[index] = clamp(code);
  update();
  redraw();
}

function begin(codesThen, title) {
  start = { codes: [...codesThen], title };
  reset();
}

function reset() {
  codes = [...start.codes];
  update();
  redraw();
}

// A reader of screens reads out whatever is set, even the same again.
function say(text) {
  if (byId('status').textContent !== text) byId('status').textContent = text;
}

const below = (count) => Math.floor(Math.random() * count);

function sample() {
  const i = below(about.samples.length);
  begin(about.samples[i], `A sample of the prior: ${about.classes[i]}`);
}

function walk() {
  if (walking) clearInterval(walking);
  const step = () => change(below(codes.length), below(about.hues.length));
  walking = walking ? undefined : setInterval(step, TICK_MS);
  byId('walk').textContent = walking ? 'Pause' : 'Random walk';
  byId('walk').setAttribute('aria-pressed', Boolean(walking));
}

// The codes as text.

function asText() {
  const lines = [];
  for (let i = 0; i < codes.length; i += about.grid) {
    const row = codes.slice(i, i + about.grid);
    lines.push(row.map((code) => String(code).padStart(4)).join(' '));
  }
  return lines.join('\n');
}

function readText() {
  const words = byId('text').value.split(/[\s,;[\]]+/).filter(Boolean);
  const wrong = words.find(
    (word) => !/^\d+$/.test(word) || Number(word) !== clamp(Number(word)),
  );
  const isGood = wrong === undefined && words.length === codes.length;
  byId('text').setAttribute('aria-invalid', !isGood);
  if (isGood) return begin(words.map(Number), 'Your codes');
  const found = wrong === undefined ? `${words.length} are there` :
    `“${wrong}” is none`;
  const last = about.hues.length - 1;
  say(`${codes.length} codes of 0 to ${last} make a picture: ${found}`);
}

// The mouse and the keyboard.

const ARROWS = {
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
};
const STEPS = { '+': 1, '=': 1, '-': -1, PageUp: 16, PageDown: -16 };

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in STEPS) {
    change(place, codes[place] + STEPS[event.key]);
  } else if (event.key in ARROWS) {
    const [down, right] = ARROWS[event.key];
    const row = Math.floor(place / about.grid) + down;
    const column = (place % about.grid) + right;
    const isInside = (x) => x >= 0 && x < about.grid;
    if (isInside(row) && isInside(column)) choose(row * about.grid + column);
    cells()[place].focus();
  } else {
    return;
  }
  event.preventDefault();
}

function turn(event) {
  event.preventDefault();
  change(place, codes[place] - Math.sign(event.deltaY));
}

function point(index) {
  frame('patch', index);
  cells().forEach((cell, i) => cell.classList.toggle('near', i === index));
}

function buildGrid() {
  const grid = byId('grid');
  grid.style.gridTemplate = ['rows', 'columns']
    .map(() => `repeat(${about.grid}, 1fr)`).join(' / ');
  for (let i = 0; i < about.grid ** 2; i++) {
    const cell = document.createElement('button');
    cell.addEventListener('click', () => choose(i));
    cell.addEventListener('pointerenter', () => point(i));
    grid.append(cell);
  }
  grid.addEventListener('pointerleave', () => point(-1));
  grid.addEventListener('keydown', press);
}

function listen() {
  const picture = byId('picture');
  picture.addEventListener('click', (event) => choose(placeBelow(event)));
  picture.addEventListener('pointermove', (event) => point(placeBelow(event)));
  picture.addEventListener('pointerleave', () => point(-1));
  for (const part of [picture, byId('grid'), byId('slider')]) {
    part.addEventListener('wheel', turn, { passive: false });
  }
  // A number that is half written is no code yet.
  for (const [id, event] of [['slider', 'input'], ['number', 'change']]) {
    const read = () => change(place, Math.floor(Number(byId(id).value)));
    byId(id).addEventListener(event, read);
    byId(id).max = about.hues.length - 1;
  }
  byId('text').addEventListener('input', readText);
  byId('text').addEventListener('blur', update);
  const less = () => change(place, codes[place] - 1);
  const more = () => change(place, codes[place] + 1);
  Object.entries({ sample, walk, reset, less, more }).forEach(([id, action]) =>
    byId(id).addEventListener('click', action));
}

async function main() {
  if (typeof DATA === 'undefined') {
    say('data.js is missing: `make docs` builds it, with npm, in build/docs/.');
    return;
  }
  try {
    about = JSON.parse(new TextDecoder().decode(await unpacked(DATA.about)));
    decode = await openDecoder();
  } catch (error) {
    say(`This browser cannot run the decoder, a newer one may: ${error}`);
    return;
  }
  canvas.width = canvas.height = about.side;
  place = (about.grid ** 2 - 1) / 2;
  buildGrid();
  listen();
  document.querySelectorAll(':disabled').forEach((part) => {
    part.disabled = false;
  });
  sample();
}

main();
