// What needs attention, each with what to do: derived from the rows and from what the node itself says. Pure.
// A condition: {level: 'notice'|'warn'|'bad', text, runbook: title in docs/OPERATING.md, todo}.

const LAG_WARN_S = 10;
const LAG_BAD_S = 60;
const SNAPSHOT_OLD_S = 50 * 3600;  // twice the usual distance, and a little

function levelOfLag(row) {
  if (row.lag_seconds == null || row.lag_seconds < LAG_WARN_S) return 'ok';
  return row.lag_seconds < LAG_BAD_S ? 'warn' : 'bad';
}

function quoted(rows) {
  return rows.map(row => row.name).join(' and ');
}

function leadershipConditions(cluster, rows) {
  const { leaders, outdated } = leadersOf(rows);
  const found = outdated.map(row => ({ level: 'warn', runbook: 'The old primary comes back',
    text: `${row.name} still leads epoch ${row.epoch}, which is over: it stands down when it hears of epoch ${leaders[0].epoch}` }));
  if (leaders.length > 1) {
    found.unshift({ level: 'bad', short: 'Fork', runbook: 'A fork',
      text: `Fork: ${quoted(leaders)} both lead epoch ${leaders[0].epoch}` });
  }
  if (leaders.length === 0) found.unshift(noPrimary(cluster, rows));
  return found;
}

function noPrimary(cluster, rows) {
  if (!cluster?.epoch) return { level: 'notice', text: 'No node has led yet, as far as this one knows' };
  const last = tenuresOf(cluster)[0];
  const lost = rows.find(row => row.isSilent && (row.role === 'primary' || row.node === last?.node));
  const candidates = rows.filter(row => !row.isSilent && row.role === 'standby');
  const most = Math.max(...candidates.map(row => row.seq ?? 0));
  const best = candidates.filter(row => (row.seq ?? 0) === most);
  const todo = best.length === 0 ? '' : `${quoted(best)} ${best.length > 1 ? 'have' : 'has'} most (seq ${grouped(most)}); ${
    best.length > 1 ? 'on one of them' : 'there'}: \`understudy promote DB --dry-run\``;
  const text = lost ? `No primary: ${lost.name} led and does not answer${silence(lost)}` : 'No primary: no node leads';
  return { level: 'bad', short: 'No primary', text, todo, runbook: 'The primary is lost' };
}

function silence(row) {
  return ` for ${roughDuration(row.silent_seconds)}`;
}

function nodeConditions(row, thereIsALeader) {
  if (row.isSilent) {
    if (row.role === 'primary' && !thereIsALeader) return [];  // told as the lost primary
    return [{ level: 'warn', text: row.hasAnswered ? `${row.name} does not answer${silence(row)}` : `${row.name} has not been heard of yet`,
      todo: 'Look whether its machine and its node run, and at the network between.' }];
  }
  const found = [];
  const level = levelOfLag(row);
  if (level !== 'ok') {
    found.push({ level, runbook: 'A standby lags',
      text: `${row.name} lags by ${durationText(row.lag_seconds)}${row.lag_transactions == null ? '' : `, ${plural(row.lag_transactions, 'transaction')}`}` });
  }
  const stateLevel = levelOfState(row);
  if (stateLevel === 'warn') found.push({ level: 'warn', text: `${row.name} is ${stateText(row.state)}`, todo: 'It followed this node. Look whether it runs.' });
  if (stateLevel === 'notice') found.push({ level: 'notice', text: `${row.name} is ${stateText(row.state)}` });
  if (stateLevel === 'bad') found.push({ level: 'bad', text: `${row.name} is ${stateText(row.state)}`, todo: 'Its log says why.' });
  if (row.is_fenced && row.role === 'primary') {
    found.push({ level: 'warn', runbook: 'Fencing', text: `${row.name} is fenced: writers get SQLITE_BUSY` });
  }
  return found;
}

function stateText(state) {
  return (state ?? 'unknown').replaceAll('_', ' ');
}

// What the node that answers says of itself.
function ownConditions(status, now) {
  if (!status) return [];
  const found = (status.warnings ?? []).map(text => ({ level: 'warn', text: `${status.node}: ${text}`, runbook: runbookOf(text) }));
  if (status.last_error && !found.some(one => one.text.endsWith(status.last_error))) {
    found.push({ level: 'bad', text: `${status.node}: ${status.last_error}` });
  }
  const age = status.snapshot ? secondsSince(status.snapshot.time, now) : null;
  if (age > SNAPSHOT_OLD_S) {
    found.push({ level: 'warn', text: `${status.node}: the newest snapshot is ${roughDuration(age)} old`,
      todo: 'Look for `snapshot_failed` in its log; `understudy snapshot DB` takes one now.' });
  }
  return found;
}

function runbookOf(warning) {
  if (/fork|same epoch/i.test(warning)) return 'A fork';
  if (/fence/i.test(warning)) return 'Fencing';
  if (/commits|standbys have/i.test(warning)) return 'When the standbys do not confirm in time';
  return undefined;
}

const SEVERITY = ['unknown', 'ok', 'notice', 'warn', 'bad'];

function conditionsOf(cluster, status, rows, now) {
  const { leaders } = leadersOf(rows);
  const found = [...(rows.length ? leadershipConditions(cluster, rows) : []),
    ...rows.flatMap(row => nodeConditions(row, leaders.length > 0))];
  const isForkTold = found.some(one => one.short === 'Fork');
  found.push(...ownConditions(status, now).filter(one => !isForkTold || one.runbook !== 'A fork'));
  return found.sort((one, other) => SEVERITY.indexOf(other.level) - SEVERITY.indexOf(one.level));
}

function verdictOf(conditions) {
  const worst = conditions[0];
  if (!worst) return { level: 'ok', text: 'All is well' };
  if (worst.level === 'notice') return { level: 'notice', text: 'Settling' };
  const count = conditions.filter(one => one.level === worst.level).length;
  return { level: worst.level, text: worst.short ?? plural(count, worst.level === 'bad' ? 'problem' : 'warning') };
}
