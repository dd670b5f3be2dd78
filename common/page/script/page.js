// The page as a whole: what is known, drawn once a second; keys, pause, theme.

const DRAW_MS = 1000;

const model = { cluster: null, status: null, rows: [] };
const hues = new Hues();
const tracks = new Tracks();
const nodesView = new NodesView(hues);
const eventsView = new EventsView();
const view = { pausedAt: 0, pausedRows: [], scrubbedAgo: 0, heard: null, announced: null, worst: null };

tracks.load(sessionStorage, Date.now());

const connection = new Connection({
  cluster(cluster) { model.cluster = cluster; sample(); },
  status(status) {
    const isFirst = !model.status;
    model.status = status;
    if (!isFirst) return;
    model.rows = rowsOf(model.cluster, status);
    draw();
  },
  log(event) { eventsView.add(event, view.pausedAt > 0); },
});

// Once a second, by the answer of /cluster; drawn at once.
function sample() {
  model.rows = rowsOf(model.cluster, model.status);
  tracks.add(model.rows, Date.now());
  draw();
}

function draw() {
  const now = Date.now();
  const lost = connection.secondsLost(now);
  drawConnection(lost);
  if (view.pausedAt) return;
  if (!model.cluster && !model.status) return;
  const conditions = conditionsOf(model.cluster, model.status, model.rows, now);
  const verdict = lost ? { level: 'bad', text: 'No connection' }
    : model.status ? verdictOf(conditions) : { level: 'unknown', text: 'Connecting' };
  drawVerdict(verdict);
  drawConditions(conditions);
  drawFigures(model, tracks, now);
  drawNodes(now);
  drawEpochs(model.cluster, hues, now, leadersOf(model.rows).leaders.length > 0);
  drawNames(verdict);
  announce(verdict);
}

function drawNodes(now) {
  const rows = view.pausedAt ? view.pausedRows : model.rows;
  const scrubbed = view.scrubbedAgo ? now - view.scrubbedAgo : 0;
  nodesView.draw(rows, tracks, now, scrubbed);
  setText(byId('scrubbed'), scrubbed ? `at ${clockText(scrubbed)}, ${roughDuration(view.scrubbedAgo / 1000)} ago` : '\u00a0');
}

function drawConnection(lost) {
  const banner = byId('connection');
  const name = model.status?.node ?? model.cluster?.self ?? 'the node';
  banner.hidden = !lost;
  document.body.classList.toggle('stale', lost > 0 || view.pausedAt > 0);
  if (!lost) return;
  const since = connection.lastAnswerAt;
  setText(banner, since ? `Connection to ${name} lost since ${clockText(since)} (${roughDuration(lost)}). What stands here is what was known then.`
    : `No answer from ${location.host} yet; trying again each second.`);
  if (view.pausedAt) drawVerdict({ level: 'bad', text: 'No connection' });
}

const ICON_COLOURS = { ok: '#1f8a4c', notice: '#4a86c5', warn: '#d08a00', bad: '#d03a34' };

function drawNames(verdict) {
  const { status, rows } = model;
  const database = status ? fileName(status.database) : 'Understudy';
  const leader = leadersOf(rows).leaders[0];
  setText(byId('database'), database);
  setText(byId('seen-from'), status ? `seen from ${status.node}, ${status.role} · stream ${status.stream_id?.slice(0, 8) ?? 'not known yet'}` : 'connecting …');
  byId('database').title = status?.database ?? '';
  document.title = `${verdict.level === 'ok' ? `${leader?.name ?? 'no node'} leads` : verdict.text} · ${database}`;
  if (status) {
    setText(byId('about'), `Understudy ${status.version} · ${status.node} runs for ${roughDuration(status.uptime_seconds)}, pid ${status.pid ?? NONE} · ${status.database}`);
  }
  if (view.worst === verdict.level) return;
  view.worst = verdict.level;
  const colour = encodeURIComponent(ICON_COLOURS[verdict.level] ?? '#808890');
  byId('icon').href = `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='6' fill='${colour}'/%3E%3C/svg%3E`;
}

// For screen readers: who leads and the verdict, only when they change, and the change has lasted for a moment.
function announce(verdict) {
  if (!model.rows.length || !model.status) return;
  const leaders = leadersOf(model.rows).leaders.map(row => row.name).join(' and ') || 'nobody';
  const words = `${verdict.text}; ${leaders} leads`;
  const isLasting = view.heard === words;
  view.heard = words;
  view.announced ??= words;
  if (!isLasting || view.announced === words) return;
  view.announced = words;
  setText(byId('announce'), words);
}

function togglePause() {
  view.pausedAt = view.pausedAt ? 0 : Date.now();
  view.pausedRows = model.rows;
  setAttribute(byId('pause'), 'aria-pressed', String(view.pausedAt > 0));
  setText(byId('pause-text'), view.pausedAt ? 'Go on' : 'Pause');
  if (!view.pausedAt) eventsView.show();
  draw();
}

const dark = matchMedia('(prefers-color-scheme: dark)');
const THEMES = ['auto', 'light', 'dark'];

// The storage may be forbidden: then the choice lasts as long as the page.
let chosenTheme = 'auto';
try {
  chosenTheme = localStorage.getItem('theme') ?? 'auto';
} catch { /* auto */ }

function showTheme() {
  document.documentElement.dataset.theme = chosenTheme === 'auto' ? (dark.matches ? 'dark' : 'light') : chosenTheme;
  setText(byId('theme-text'), chosenTheme);
}

function nextTheme() {
  chosenTheme = THEMES[(THEMES.indexOf(chosenTheme) + 1) % THEMES.length];
  try {
    localStorage.setItem('theme', chosenTheme);
  } catch { /* see above */ }
  showTheme();
}

function scrub(ago) {
  view.scrubbedAgo = Math.min(SPAN_MS - 1000, Math.max(0, ago));
  drawNodes(view.pausedAt || Date.now());
}

function scrubByPointer(event) {
  const chart = event.target.closest('.chart');
  if (!chart) return;
  const box = chart.getBoundingClientRect();
  scrub((1 - (event.clientX - box.left) / box.width) * SPAN_MS);
}

function chooseLevel(at) {
  const choice = document.querySelectorAll('.levels input')[at];
  choice.checked = true;
  filterEvents();
}

function filterEvents() {
  eventsView.filter(document.querySelector('.levels input:checked').value, byId('find').value);
}

function focusOn(id) {
  byId(id).focus();
  byId(id).scrollIntoView({ block: 'nearest' });
}

function showKeys() {
  if (!byId('keys').open) byId('keys').showModal();
}

const KEYS = {
  p: togglePause, t: nextTheme, '?': showKeys, n: () => focusOn('nodes'), e: () => focusOn('event-frame'),
  f: () => focusOn('find'), 1: () => chooseLevel(0), 2: () => chooseLevel(1), 3: () => chooseLevel(2),
  ',': () => scrub(view.scrubbedAgo + 1000), '.': () => scrub(view.scrubbedAgo - 1000),
  '<': () => scrub(view.scrubbedAgo + 10_000), '>': () => scrub(view.scrubbedAgo - 10_000), Escape: () => scrub(0),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId('keys').open) return;
  if (event.target.matches('input[type="search"]')) {
    if (event.key === 'Escape') event.target.blur();
    return;
  }
  const action = KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

showTheme();
dark.addEventListener('change', showTheme);
document.addEventListener('keydown', onKey);
byId('pause').addEventListener('click', togglePause);
byId('theme').addEventListener('click', nextTheme);
byId('show-keys').addEventListener('click', showKeys);
byId('find').addEventListener('input', filterEvents);
document.querySelector('.levels').addEventListener('change', filterEvents);
byId('rows').addEventListener('pointermove', scrubByPointer);
byId('rows').addEventListener('pointerleave', () => scrub(0));
addEventListener('pagehide', () => tracks.save(sessionStorage));
setInterval(() => { if (connection.secondsLost(Date.now())) draw(); }, DRAW_MS);
