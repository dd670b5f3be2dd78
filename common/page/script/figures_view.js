// The head of the page: figures, verdict, what needs attention, and the epochs.

function byId(id) {
  return document.getElementById(id);
}

function drawFigures(model, tracks, now) {
  const { cluster, status, rows } = model;
  const { leaders } = leadersOf(rows);
  const tenure = tenuresOf(cluster)[0];
  const leader = leaders.length === 1 ? leaders[0] : null;
  const name = leader?.name ?? (leaders.length ? `${leaders.length} nodes` : 'none');
  setText(byId('primary'), name);
  byId('primary').title = name;
  byId('primary').classList.toggle('long', name.length > 13);
  setAttribute(byId('primary'), 'data-level', leader ? 'ok' : 'bad');
  setText(byId('primary-note'), leader && tenure?.node === leader.node ? `for ${roughDuration(secondsSince(tenure.time, now))}`
    : tenure ? `${tenure.node} led last` : '\u00a0');
  setText(byId('epoch'), grouped(cluster?.epoch ?? status?.epoch));
  setText(byId('epoch-note'), tenure ? `since ${clockText(tenure.time)}` : '\u00a0');
  const seqs = rows.map(row => row.seq).filter(seq => seq != null);
  setText(byId('seq'), grouped(leader?.seq ?? (seqs.length ? Math.max(...seqs) : null)));
  setText(byId('sum'), status ? `${status.epoch}/${status.seq}/${status.state_sum}` : '\u00a0');
  byId('sum').title = status ? `where ${status.node} stands: epoch/seq/sum` : '';
  drawRateFigure(leader, tracks, now);
  if (status) drawStores(status, now);
}

function drawRateFigure(leader, tracks, now) {
  const recent = tracks.rates.filter(one => one.rate != null && now - one.at < 60_000);
  const latest = tracks.rates.at(-1)?.rate;
  const most = largest(recent, 'rate');
  setText(byId('rate'), leader ? rateText(latest) : NONE);
  setText(byId('rate-note'), recent.length ? `most ${rateText(most)}` : '\u00a0');
  const paths = pathsOf(tracks.rates, 'rate', linearScale(Math.max(1, most)), now, 60, 20, 60_000);
  setAttribute(byId('spark').firstElementChild, 'd', paths.line);
}

// What only the node itself knows: its queue, its snapshot, its archive.
function drawStores(status, now) {
  const { backend, snapshot, archive } = status;
  setText(byId('backend-title'), `Queue of ${status.node}`);
  setText(byId('backend'), bytesText(backend?.bytes));
  setText(byId('backend-note'), backend ? plural(Math.max(0, backend.last_seq + 1 - backend.first_seq), 'transaction') : '\u00a0');
  setText(byId('snapshot-title'), `Snapshot of ${status.node}`);
  setText(byId('snapshot'), snapshot ? `${ageText(secondsSince(snapshot.time, now))} old` : 'none yet');
  setText(byId('snapshot-note'), status.snapshot_progress != null ? `the next one: ${Math.floor(status.snapshot_progress * 100)} %`
    : snapshot ? `of ${grouped(snapshot.seq)}` : '\u00a0');
  byId('archive-figure').hidden = !archive;
  if (archive) drawArchive(archive, status);
}

function drawArchive(archive, status) {
  const behind = archive.behind_transactions ?? Math.max(0, status.seq - (archive.last_seq ?? 0));
  setText(byId('archive-title'), `Archive of ${status.node}`);
  setText(byId('archive'), behind === 0 ? 'complete' : grouped(behind));
  setText(byId('archive-note'), behind === 0 ? archive.directory ?? '\u00a0' : 'tx behind');
}

function drawVerdict(verdict) {
  setAttribute(byId('verdict'), 'data-level', verdict.level);
  setText(byId('verdict-text'), verdict.text);
}

function drawConditions(conditions) {
  const list = byId('conditions');
  const shown = new Map([...list.children].map(item => [item.dataset.key, item]));
  const keys = conditions.map(conditionKey);
  for (const [key, item] of shown) if (!keys.includes(key)) item.remove();
  conditions.forEach((condition, at) => {
    const item = shown.get(keys[at]) ?? conditionItem(condition, keys[at]);
    if (list.children[at] !== item) list.insertBefore(item, list.children[at] ?? null);
    setText(item.querySelector('strong'), condition.text);
  });
}

// Numbers aside: "silent for 12 s" and "for 13 s" are one condition, whose runbook stays open.
function conditionKey(condition) {
  return `${condition.level}|${condition.runbook ?? ''}|${condition.todo ? 1 : 0}|${condition.text.replace(/[\d.,]+|\b(ms|s|min|h|d)\b/g, '#').replace(/[# ]+/g, ' ')}`;
}

function conditionItem(condition, key) {
  const item = make('li');
  item.dataset.key = key;
  item.dataset.level = condition.level;
  const mark = make('span', 'mark');
  mark.setAttribute('aria-hidden', 'true');
  const words = make('div');
  words.append(make('strong', '', condition.text));
  if (condition.todo) words.append(appendMarked(make('p', 'todo'), condition.todo));
  if (RUNBOOKS[condition.runbook]) words.append(runbookElement(condition.runbook));
  item.append(mark, words);
  return item;
}

function runbookElement(title) {
  const details = make('details');
  const text = make('div', 'runbook');
  for (const paragraph of RUNBOOKS[title]) {
    text.append(paragraph.startsWith('    ') ? make('pre', 'code', paragraph.replace(/^ {4}/gm, ''))
      : appendMarked(make('p'), paragraph));
  }
  text.append(make('p', 'soft', 'From docs/OPERATING.md, which has the tables, too.'));
  details.append(make('summary', '', `What to do: ${title}`), text);
  return details;
}

function drawEpochs(cluster, hues, now, leads) {
  const tenures = tenuresOf(cluster);
  byId('no-epochs').hidden = tenures.length > 0;
  const body = byId('epoch-list');
  while (body.children.length > tenures.length) body.lastElementChild.remove();
  while (body.children.length < tenures.length) {
    const line = body.insertRow();
    for (let at = 0; at < 3; at += 1) line.insertCell();
    line.cells[1].append(make('i', 'chip'), make('span'), make('span', 'soft'));
    line.cells[2].append(make('span'), make('span', 'soft'));
  }
  tenures.forEach((tenure, at) => drawTenure(body.rows[at].cells, tenure, hues, now, leads));
  drawStrip(tenures, hues, now);
}

function tenureSeconds(tenure, now) {
  return secondsSince(tenure.time, tenure.next ? Date.parse(tenure.next.time) : now);
}

function drawTenure(cells, tenure, hues, now, leads) {
  const [chip, name, reason] = cells[1].children;
  setText(cells[0], String(tenure.epoch));
  chip.style.setProperty('--hue', hues.of(tenure.node));
  setText(name, tenure.node);
  setText(reason, tenure.reason ?? '');
  const [since, more] = cells[2].children;
  setText(since, clockText(tenure.time));
  const lasted = tenure.next ? `for ${roughDuration(tenureSeconds(tenure, now))}` : leads ? 'leads now' : 'led last';
  setText(more, `${lasted} · ${grouped(tenure.first_seq)}`);
}

// The last dozen epochs from left to right, as long as they lasted, but never too narrow to be seen.
function drawStrip(tenures, hues, now) {
  const strip = byId('strip');
  const shown = tenures.slice(0, 12).reverse();
  while (strip.children.length > shown.length) strip.lastElementChild.remove();
  while (strip.children.length < shown.length) strip.append(make('i'));
  shown.forEach((tenure, at) => {
    const part = strip.children[at];
    part.style.setProperty('--hue', hues.of(tenure.node));
    part.style.setProperty('--on-hue', '#fff');
    part.style.flexGrow = Math.max(1, tenureSeconds(tenure, now) ?? 1);
    part.title = `epoch ${tenure.epoch}: ${tenure.node}`;
    setText(part, String(tenure.epoch));
  });
}
