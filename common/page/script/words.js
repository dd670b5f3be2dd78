// Numbers, times, sizes and texts as the command line writes them. Pure.

const NONE = '–';

// 1234567 → "1,234,567"
function grouped(number) {
  return number == null ? NONE : String(number).replace(/\B(?=(\d{3})+$)/g, ',');
}

function plural(number, word) {
  return `${grouped(number)} ${word}${number === 1 ? '' : 's'}`;
}

function twoDigits(number) {
  return String(number).padStart(2, '0');
}

function durationText(seconds) {
  if (seconds == null) return NONE;
  if (seconds < 0.0005) return '< 1 ms';
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${twoDigits(whole % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${twoDigits(minutes % 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

// In its largest unit alone: "3 h".
function ageText(seconds) {
  if (seconds == null) return NONE;
  for (const [most, size, unit] of [[120, 1, 's'], [7200, 60, 'min'], [172_800, 3600, 'h']]) {
    if (seconds < most) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${Math.floor(seconds / 86_400)} d`;
}

// In its two largest units at most: what is hours old needs no seconds.
function roughDuration(seconds) {
  if (seconds == null) return NONE;
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return durationText(seconds);
}

function bytesText(bytes) {
  if (bytes == null) return NONE;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  while (bytes >= 1024 && at < units.length - 1) {
    bytes /= 1024;
    at += 1;
  }
  return at === 0 ? `${bytes} B` : `${bytes.toFixed(1)} ${units[at]}`;
}

function rateText(rate) {
  if (rate == null) return NONE;
  return rate > 0 && rate < 10 ? rate.toFixed(1) : grouped(Math.round(rate));
}

// "14:02:05", with the date in front where it is not today's.
function clockText(time, now = new Date()) {
  const at = new Date(time ?? NaN);
  if (Number.isNaN(at.getTime())) return NONE;
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map(twoDigits).join(':');
  return at.toDateString() === now.toDateString() ? clock : `${dayText(at, now)} ${clock.slice(0, 5)}`;
}

function dayText(at, now) {
  const day = at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
  return at.getFullYear() === now.getFullYear() ? day : `${day} ${at.getFullYear()}`;
}

function secondsSince(time, now) {
  const at = Date.parse(time);
  return Number.isNaN(at) ? null : Math.max(0, (now - at) / 1000);
}

function fileName(path) {
  return path.slice(path.lastIndexOf('/') + 1) || path;
}

// How the page is drawn: only what changed is touched, so that nothing flickers and selections stay.
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text != null) element.textContent = text;
  return element;
}

// A text of docs/OPERATING.md with its `code` and **bold** as elements.
function appendMarked(parent, text) {
  for (const piece of text.split(/(`[^`]+`|\*\*[^*]+\*\*)/)) {
    if (piece.startsWith('`')) parent.append(make('code', '', piece.slice(1, -1)));
    else if (piece.startsWith('**')) parent.append(make('strong', '', piece.slice(2, -2)));
    else parent.append(piece);
  }
  return parent;
}
