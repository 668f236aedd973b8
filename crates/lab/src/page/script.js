'use strict';
const data = JSON.parse(document.getElementById('run').textContent);
const all = data.run.moments;
const shown = data.shown;
const marks = [...document.querySelectorAll('.picture [data-n]')].map(element => ({
  element,
  first: Number(element.dataset.n),
  last: element.dataset.r === undefined ? Number(element.dataset.n) : Number(element.dataset.r),
}));
const list = document.getElementById('story');
const scrub = document.getElementById('scrub');
const clock = document.getElementById('clock');
const playing = { timer: null };
let at = shown.length - 1;

// A moment was known to another if its process had heard of it: Fidge's and Mattern's clocks.
const lanes = data.run.lanes.map(lane => lane.name);
function isBefore(one, other) {
  if (!one.vector || !other.vector || one === other) return false;
  const lane = lanes.indexOf(one.process);
  return one.vector[lane] <= other.vector[lane];
}

const items = shown.map((index, place) => {
  const moment = all[index];
  const item = document.createElement('li');
  item.tabIndex = 0;
  item.className = moment.kind === 'violated' ? 'violated' : '';
  const time = document.createElement('time');
  time.textContent = moment.ms.toFixed(1) + ' ms';
  const name = document.createElement('b');
  name.textContent = moment.process || '*';
  const text = document.createElement('span');
  text.textContent = moment.state ? `${moment.text} → ${moment.state.word}` : moment.text;
  item.append(time, name, text);
  item.addEventListener('click', () => { stop(); show(place); });
  item.addEventListener('keydown', event => { if (event.key === 'Enter') { stop(); show(place); } });
  item.addEventListener('mouseenter', () => cones(moment));
  item.addEventListener('mouseleave', () => cones(all[shown[at]]));
  list.append(item);
  return item;
});

// What a moment may have been caused by, and what it may have caused.
function cones(moment) {
  items.forEach((item, place) => {
    const other = all[shown[place]];
    item.classList.toggle('cause', isBefore(other, moment));
    item.classList.toggle('effect', isBefore(moment, other));
  });
}

function states(index) {
  const body = document.getElementById('states');
  body.replaceChildren();
  for (const name of lanes) {
    let word = '', extra = [];
    for (let i = 0; i <= index; i += 1) {
      const moment = all[i];
      if (moment.process !== name) continue;
      if (moment.kind === 'crashed') { word = 'crashed'; extra = []; }
      if (moment.kind === 'started') word = '';
      if (moment.state) {
        word = moment.state.word;
        extra = [moment.state.locks && 'holds locks', moment.state.blocked && 'blocked'].filter(Boolean);
      }
    }
    const row = body.insertRow();
    row.insertCell().textContent = name;
    row.insertCell().textContent = [word, ...extra].filter(Boolean).join(', ');
  }
}

// Scrolls a box, and not the page, until an element in it can be seen.
function reveal(element, box) {
  const inner = element.getBoundingClientRect();
  const outer = box.getBoundingClientRect();
  if (inner.top < outer.top) box.scrollTop -= outer.top - inner.top + 20;
  if (inner.bottom > outer.bottom) box.scrollTop += inner.bottom - outer.bottom + 20;
}

function show(place) {
  at = Math.max(0, Math.min(shown.length - 1, place));
  const index = shown[at];
  const moment = all[index];
  for (const { element, first, last } of marks) {
    element.classList.toggle('later', first > index);
    element.classList.toggle('underway', first <= index && last > index);
    element.classList.toggle('current', first === index || last === index);
  }
  items.forEach((item, other) => {
    item.classList.toggle('now', other === at);
    item.setAttribute('aria-current', other === at ? 'step' : 'false');
  });
  reveal(items[at], list);
  const mark = marks.find(({ element }) => element.classList.contains('current'));
  if (mark) reveal(mark.element, document.querySelector('.picture'));
  cones(moment);
  states(index);
  scrub.value = at;
  clock.textContent = `${moment.ms.toFixed(1)} ms · ${at + 1} of ${shown.length}`;
}

function stop() {
  clearTimeout(playing.timer);
  playing.timer = null;
  document.getElementById('play').textContent = '▶ play';
}

// As long between two moments as there was, times the speed; but nobody waits for ever.
function tick() {
  if (at >= shown.length - 1) return stop();
  const pause = all[shown[at + 1]].ms - all[shown[at]].ms;
  const speed = Number(document.getElementById('speed').value);
  playing.timer = setTimeout(() => { show(at + 1); tick(); }, Math.min(2500, Math.max(30, pause / speed)));
}

function play() {
  if (playing.timer !== null) return stop();
  if (at >= shown.length - 1) show(0);
  document.getElementById('play').textContent = '❚❚ pause';
  tick();
}

const step = by => { stop(); show(at + by); };
document.getElementById('first').addEventListener('click', () => { stop(); show(0); });
document.getElementById('back').addEventListener('click', () => step(-1));
document.getElementById('play').addEventListener('click', play);
document.getElementById('next').addEventListener('click', () => step(1));
document.getElementById('last').addEventListener('click', () => { stop(); show(shown.length - 1); });
scrub.max = shown.length - 1;
scrub.addEventListener('input', () => { stop(); show(Number(scrub.value)); });
document.addEventListener('keydown', event => {
  if (event.target.tagName === 'INPUT' || event.target.tagName === 'BUTTON') return;
  const keys = { ArrowRight: () => step(1), ArrowLeft: () => step(-1), Home: () => { stop(); show(0); },
    End: () => { stop(); show(shown.length - 1); }, ' ': play };
  if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
});
for (const { element, first } of marks) {
  element.addEventListener('click', () => {
    const place = shown.indexOf(first);
    if (place >= 0) { stop(); show(place); }
  });
}
show(shown.length - 1);
