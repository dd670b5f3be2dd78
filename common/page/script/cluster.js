// The cluster as one list of rows, made of what /cluster and /status say. Pure.
//
// /cluster knows every peer by its heartbeats; /status knows this node, and the standbys that are connected to it, better.
// A standby that is no peer (a reader, a standby of a standby) stands in /status alone.

const SILENT_S = 2;  // at its own start a node has not heard of anybody, and that is no news

// Of those that are connected: what /status says of one that went is older than what /cluster says.
function standbyOf(status, name) {
  return (status?.standbys ?? []).find(standby => standby.name === name && standby.state !== 'stopped');
}

function rowOfSelf(member, status) {
  const standby = status.role === 'standby';
  return {
    ...member,
    role: status.role, state: status.state, epoch: status.epoch, seq: status.seq,
    received: standby ? status.received_seq : null,
    durable: standby ? status.durable_seq : status.seq,
    applied: standby ? status.applied_seq : null,
    lag_seconds: standby ? status.lag_seconds : null,
    lag_transactions: standby ? status.lag_transactions : null,
    is_fenced: status.is_fenced ?? member.is_fenced, syncNote: syncNoteOf(status),
  };
}

// Do commits of the application wait, and for whom?
function syncNoteOf(status) {
  if (status.is_sync) return 'commits wait for it';
  if (!status.sync) return '';
  const { wanted, heard, is_degraded: isDegraded } = status.sync;
  return isDegraded ? `commits do not wait: ${heard} of ${plural(wanted, 'standby')} here`
    : `commits wait for ${plural(wanted, 'standby')}, ${heard} here`;
}

function rowOfPeer(member, status) {
  const known = standbyOf(status, member.node);
  const row = { ...member, received: null, durable: null, applied: member.applied_seq ?? null };
  if (member.role === 'primary') return { ...row, durable: member.seq, applied: null };
  if (!known) return row;
  return {
    ...row, state: known.state, received: known.received_seq, durable: known.durable_seq,
    applied: known.applied_seq, lag_seconds: known.lag_seconds,
    lag_transactions: Math.max(0, status.seq - known.applied_seq),
  };
}

function rowOfFollower(known, status) {
  return {
    node: known.name, endpoint: '', is_self: false, role: 'standby', state: known.state,
    epoch: status.epoch, seq: known.applied_seq, received: known.received_seq,
    durable: known.durable_seq, applied: known.applied_seq, silent_seconds: null,
    lag_seconds: known.lag_seconds, lag_transactions: Math.max(0, status.seq - known.applied_seq),
    is_fenced: false, ...(known.state === 'stopped' ? GONE : { note: 'not a peer: follows this node' }),
  };
}

const GONE = { state: 'disconnected', note: 'not a peer: followed this node', lag_seconds: null, lag_transactions: null };

// In the order of /cluster, which stays: a takeover moves a mark, not the rows.
function rowsOf(cluster, status) {
  const members = [...(cluster?.members ?? [])];
  if (status && !members.some(member => member.is_self)) {
    members.unshift({ node: status.node, endpoint: status.listen ?? '', is_self: true, silent_seconds: null });
  }
  const rows = members.map(member => (member.is_self && status ? rowOfSelf(member, status)
    : rowOfPeer(member, status)));
  for (const standby of status?.standbys ?? []) {
    if (!rows.some(row => row.node === standby.name)) rows.push(rowOfFollower(standby, status));
  }
  return rows.map(row => finished(row, cluster));
}

function finished(row, cluster) {
  const isSilent = !row.is_self && row.silent_seconds != null && row.silent_seconds >= SILENT_S;
  return {
    ...row, isSilent, hasAnswered: Boolean(row.node), isOutdated: row.epoch > 0 && row.epoch < (cluster?.epoch ?? 0), key: row.node || row.endpoint, name: row.node || row.endpoint || 'not known yet',
    leads: row.role === 'primary' && !isSilent && (!cluster?.primary || row.node === cluster.primary
      || row.epoch === cluster.epoch),
    lag_seconds: isSilent ? null : row.lag_seconds ?? null,
    lag_transactions: isSilent ? null : row.lag_transactions ?? null,
  };
}

function leadersOf(rows) {
  const primaries = rows.filter(row => row.role === 'primary' && !row.isSilent);
  const highest = Math.max(0, ...primaries.map(row => row.epoch ?? 0));
  return { leaders: primaries.filter(row => row.epoch === highest),
    outdated: primaries.filter(row => row.epoch !== highest) };
}

// The epochs with their ends, newest first.
function tenuresOf(cluster) {
  const history = [...(cluster?.history ?? [])].sort((one, other) => one.epoch - other.epoch);
  return history.map((tenure, at) => ({ ...tenure, next: history[at + 1] ?? null })).reverse();
}

const STATE_LEVELS = {
  publishing: 'ok', streaming: 'ok', stalled: 'bad', failed: 'bad', stopped: 'off', disconnected: 'warn',
};

function levelOfState(row) {
  if (row.isSilent) return 'bad';
  if (row.role === 'none') return 'unknown';
  return STATE_LEVELS[row.state] ?? 'notice';
}
