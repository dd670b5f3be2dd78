// The rows of nodes with their lines, and the figures above. Draws what it is given; keeps only the elements.

const HUES = ['#2b6cb0', '#b0482b', '#2c7a4b', '#8a4bb0', '#86650c', '#1c7480', '#b03a75', '#5a6472'];

class Hues {
  constructor() { this.names = []; }
  of(name) {
    if (!this.names.includes(name)) this.names.push(name);
    return HUES[this.names.indexOf(name) % HUES.length];
  }
}

class NodesView {
  constructor(hues) {
    this.hues = hues;
    this.list = document.getElementById('rows');
    this.template = document.getElementById('row');
    this.parts = new Map();  // key → the elements of its row
  }

  partsOf(row) {
    if (this.parts.has(row.key)) return this.parts.get(row.key);
    const root = this.template.content.firstElementChild.cloneNode(true);
    const parts = { root };
    for (const name of ['node', 'role', 'word', 'note', 'chart', 'grid', 'area', 'line', 'scale', 'cursor', 'behind', 'state', 'chip']) {
      parts[name] = root.querySelector(`.${name}`);
    }
    parts.lag = root.querySelector('.lag b');
    for (const name of ['received', 'durable', 'applied']) parts[name] = root.querySelector(`.${name} .number`);
    parts.chip.style.setProperty('--hue', this.hues.of(row.name));
    this.parts.set(row.key, parts);
    return parts;
  }

  draw(rows, tracks, now, scrubbed) {
    const keys = rows.map(row => row.key);
    for (const [key, parts] of this.parts) {
      if (keys.includes(key)) continue;
      parts.root.remove();
      this.parts.delete(key);
    }
    const lagScale = this.lagScaleOf(rows, tracks);
    rows.forEach((row, at) => {
      const parts = this.partsOf(row);
      if (this.list.children[at] !== parts.root) this.list.insertBefore(parts.root, this.list.children[at] ?? null);
      drawWords(row, parts);
      if (row.role === 'primary') drawRate(row, parts, tracks, now, scrubbed);
      else drawLag(row, parts, tracks, now, lagScale, scrubbed);
      drawCursor(parts, now, scrubbed);
    });
  }

  // One scale for all rows, so that they can be compared. It grows by whole decades, and seldom.
  lagScaleOf(rows, tracks) {
    const all = rows.flatMap(row => tracks.of(row.key));
    const most = largest(all, 'lag') > 10 ? 3600 : 10;
    return {
      seconds: { of: logScale(0.001, most), marks: most > 10 ? [[0.1, '100 ms'], [10, '10 s'], [600, '10 min']] : [[0.01, '10 ms'], [0.1, '100 ms'], [1, '1 s']] },
      transactions: { of: logScale(1, 1e6), marks: [[10, '10'], [1000, '1,000'], [1e5, '100,000']] },
    };
  }
}

function drawWords(row, parts) {
  setAttribute(parts.root, 'class', `row${row.leads ? ' leads' : ''}${row.isSilent ? ' silent' : ''}`);
  setAttribute(parts.root, 'data-lags', levelOfLag(row));
  setAttribute(parts.state, 'data-level', levelOfState(row));
  setText(parts.node, row.name);
  setText(parts.role, row.role === 'none' || !row.role ? '' : row.role);
  setText(parts.word, row.isSilent ? `silent for ${roughDuration(row.silent_seconds)}`
    : `${stateText(row.state)}${row.is_fenced && row.role === 'primary' ? ', fenced' : ''}`);
  setText(parts.note, noteOf(row));
  for (const name of ['received', 'durable', 'applied']) setText(parts[name], grouped(row[name]));
}

function noteOf(row) {
  if (row.note) return row.note;
  const endpoint = (row.endpoint ?? '').replace(/^tcp:\/\//, '');
  return [row.is_self ? 'this node' : '', endpoint === row.name ? '' : endpoint, row.isOutdated ? `epoch ${row.epoch}` : '', row.syncNote].filter(Boolean).join(' · ');
}

function drawMarks(parts, marks, scale) {
  const key = marks.map(mark => mark[1]).join();
  if (parts.marks === key) return;
  parts.marks = key;
  let grid = '';
  parts.scale.replaceChildren(...marks.map(([value, text]) => {
    const y = (1 - scale(value)) * 96 + 2;
    grid += `M0 ${y}H300`;
    const label = make('i', '', text);
    label.style.top = `${y}%`;
    return label;
  }));
  setAttribute(parts.grid, 'd', grid);
}

function drawLine(parts, samples, name, scale, now) {
  const paths = pathsOf(samples, name, scale, now, 300, 100);
  setAttribute(parts.line, 'd', paths.line);
  setAttribute(parts.area, 'd', paths.area);
}

function drawLag(row, parts, tracks, now, scales, scrubbed) {
  const samples = tracks.of(row.key);
  const inSeconds = samples.some(one => one.lag != null) || !samples.some(one => one.behind != null);
  const scale = inSeconds ? scales.seconds : scales.transactions;
  drawMarks(parts, scale.marks, scale.of);
  drawLine(parts, samples, inSeconds ? 'lag' : 'behind', scale.of, now);
  const shown = scrubbed ? sampleAt(samples, scrubbed) : { lag: row.lag_seconds, behind: row.lag_transactions };
  const behind = shown?.behind == null ? '' : plural(shown.behind, 'transaction').replace('transaction', 'tx').replace('txs', 'tx');
  setText(parts.lag, shown?.lag == null && behind ? behind : durationText(shown?.lag));
  setText(parts.behind, shown?.lag == null ? '' : behindText(behind, row, scrubbed));
  describe(parts, now, `Lag of ${row.name} over five minutes: now ${durationText(row.lag_seconds)}, at most ${durationText(largest(samples, 'lag'))}`);
}

function behindText(behind, row, scrubbed) {
  return !scrubbed && row.lag_bytes > 0 ? `${behind} · ${bytesText(row.lag_bytes)}` : behind;
}

function drawRate(row, parts, tracks, now, scrubbed) {
  const samples = row.leads ? tracks.rates : [];
  const most = roundUp(Math.max(10, largest(samples, 'rate') * 1.05));
  const scale = linearScale(most);
  drawMarks(parts, row.leads ? [[most / 2, `${grouped(most / 2)}/s`]] : [], scale);
  drawLine(parts, samples, 'rate', scale, now);
  const shown = scrubbed ? sampleAt(samples, scrubbed) : samples.at(-1);
  setText(parts.lag, row.leads ? rateText(shown?.rate) : NONE);
  setText(parts.behind, row.leads ? 'a second' : '');
  describe(parts, now, row.leads ? `Transactions a second of ${row.name} over five minutes: now ${rateText(shown?.rate)}` : `${row.name}: no line`);
}

// Said to a screen reader that comes by; seldom changed, for it need not be read each second.
function describe(parts, now, text) {
  if (parts.describedAt && now - parts.describedAt < 10_000) return;
  parts.describedAt = now;
  setAttribute(parts.chart, 'aria-label', text);
}

function drawCursor(parts, now, scrubbed) {
  parts.cursor.hidden = !scrubbed;
  if (scrubbed) parts.cursor.style.left = `${(1 - (now - scrubbed) / SPAN_MS) * 100}%`;
}
