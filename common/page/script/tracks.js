// Tracks: what each node showed over the last five minutes, a sample a second; and the lines that are drawn of them.
// Kept over a reload of the page, in the session's storage.

const SPAN_MS = 300_000;
const GAP_MS = 4_000;  // samples further apart are not joined: nothing was known in between
const RATE_WINDOW_MS = 3_000;

class Tracks {
  constructor() {
    this.byNode = new Map();  // key → [{at, lag, behind}]
    this.rates = [];          // [{at, rate, seq, epoch}] of the primary
  }

  add(rows, at) {
    for (const row of rows) {
      if (!this.byNode.has(row.key)) this.byNode.set(row.key, []);
      const standby = row.role !== 'primary';
      append(this.byNode.get(row.key), { at, lag: standby ? row.lag_seconds : null,
        behind: standby ? row.lag_transactions : null });
    }
    const leader = leadersOf(rows).leaders[0];
    append(this.rates, { at, rate: leader ? this.rateAt(leader, at) : null, seq: leader?.seq ?? null, by: leader?.key });
  }

  // Over some seconds: what is heard of a peer comes in steps.
  rateAt(leader, at) {
    const before = this.rates.find(one => at - one.at <= RATE_WINDOW_MS + 500 && one.seq != null && one.by === leader.key);
    if (!before || at - before.at < RATE_WINDOW_MS / 2 || leader.seq < before.seq) return null;
    return (leader.seq - before.seq) * 1000 / (at - before.at);
  }

  of(key) {
    return this.byNode.get(key) ?? [];
  }

  save(storage) {
    try {
      storage.setItem('tracks', JSON.stringify({ nodes: [...this.byNode], rates: this.rates }));
    } catch { /* no storage, or full: the lines begin anew after a reload, nothing else */ }
  }

  load(storage, now) {
    try {
      const saved = JSON.parse(storage.getItem('tracks') ?? 'null');
      if (!saved) return;
      this.byNode = new Map(saved.nodes.map(([key, samples]) => [key, samples.filter(one => now - one.at < SPAN_MS)]));
      this.rates = saved.rates.filter(one => now - one.at < SPAN_MS);
    } catch { /* another version's: the lines begin anew */ }
  }
}

function append(samples, sample) {
  samples.push(sample);
  while (sample.at - samples[0].at > SPAN_MS + GAP_MS) samples.shift();
}

// The sample that stands for a moment; undefined: nothing was known then.
function sampleAt(samples, at) {
  let best;
  for (const one of samples) {
    if (Math.abs(one.at - at) <= Math.abs((best?.at ?? -Infinity) - at)) best = one;
  }
  return best && Math.abs(best.at - at) <= GAP_MS / 2 ? best : undefined;
}

// Logarithmic from `least` to `most`: milliseconds and minutes on one scale, which need not change each second.
function logScale(least, most) {
  const decades = Math.log10(most / least);
  return value => Math.min(1, Math.max(0, Math.log10(Math.max(value, least) / least) / decades));
}

function linearScale(most) {
  return value => Math.min(1, value / most);
}

// 1, 2 or 5 times a power of ten, at least `value`.
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].map(step => step * power).find(step => step >= value);
}

function largest(samples, name) {
  return samples.reduce((most, one) => Math.max(most, one[name] ?? 0), 0);
}

// Two paths in a box of `width` × `height`: the line, and the area below it. `now` is the right edge.
function pathsOf(samples, name, scale, now, width, height, span = SPAN_MS) {
  let line = '', area = '', last = null, firstX = 0;
  const close = () => { if (last) area += `L${last.x} ${height}L${firstX} ${height}Z`; };
  for (const one of samples) {
    const value = one[name];
    if (value == null || now - one.at > span) { close(); last = null; continue; }
    const x = ((1 - (now - one.at) / span) * width).toFixed(2);
    const y = ((1 - scale(value)) * (height - 4) + 2).toFixed(2);
    const joined = last && one.at - last.at <= GAP_MS;
    if (!joined) { close(); firstX = x; }
    line += joined ? `L${x} ${y}` : `M${x} ${y}h0`;  // h0: one sample alone is a dot
    area += `${joined ? 'L' : 'M'}${x} ${y}`;
    last = { x, at: one.at };
  }
  close();
  return { line, area };
}
