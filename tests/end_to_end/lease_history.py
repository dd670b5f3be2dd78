"""Is the history of a cluster one that a single database could have had, and did only who held the lease
take writes? The judge of the nemesis. It knows nothing of the product: what applications did and were
told, and when (lease_application.py); what stood in etcd, and between which instants that changed
(lease_watch.py); what the sqlite3 program reads in the end. All times are of one machine's monotonic clock.

Each row was committed at some instant between its begin and its end, and each change of the leader's record
happened between `earliest` and `latest`. Only what is wrong for every choice of these instants is named.

 real time   what survived stands in the order of its rowids: none that ended before another began is behind it.
 one writer  no two databases had their write locks given to applications at the same time.
 tenures     what was told to be committed was so while its database's node had the lease.
 sync        nothing that was told is gone.
 async       what is gone is the tail of a tenure, no longer than promised, and kept as orphans.

Excused (apart, and counted): what happened where a promise of the units does not hold, as GUARANTEES says: see Excuse.
"""

from typing import Iterable, NamedTuple

NEVER, ALWAYS = float("inf"), float("-inf")


class Row(NamedTuple):
    token: str
    database: str
    begin: float
    held_from: float
    held_to: float
    end: float     # NEVER: it was killed in its COMMIT
    is_told: bool  # COMMIT succeeded, and where commits were to wait it had


class Tenure(NamedTuple):
    """Of one node, from an instant between `earliest` and `latest`, to `end` at the latest."""
    node: str
    epoch: int
    earliest: float
    latest: float
    end: float = NEVER


class Poll(NamedTuple):
    """Asked and answered when, and the revision of the leader's record then; 0: there was none."""
    asked: float
    answered: float
    revision: int


class Excuse(NamedTuple):
    """From then to then `database` was not guarded: its node was dead and its application not yet, or the
    whole machine stood still, which lets an application go on before anybody can stop it."""
    database: str
    begin: float
    end: float


def parse_journal(text: str, database: str) -> list[Row]:
    """Without a last line that a kill left unfinished."""
    held: dict[str, tuple[float, ...]] = {}
    ends: dict[str, tuple[float, bool]] = {}
    for line in (line for line in text.splitlines(keepends=True) if line.endswith("\n")):
        kind, token, *rest = line.split()
        if kind == "held":
            held[token] = tuple(map(float, rest))
        else:
            ends[token] = (float(rest[0]), rest[1] == "told")
    return [Row(token, database, *times, *ends.get(token, (NEVER, False))) for token, times in held.items()]


# --- tenures ---

def tenures_of(records: Iterable[tuple[int, dict]], polls: list[Poll]) -> list[Tenure]:
    """`records`: every one that ever stood there, with its revision, ascending. A tenure ends with the first
    that names another node, or says that it is offered or released: from then on nobody writes until
    somebody takes it."""
    found: list[Tenure] = []
    for revision, record in records:
        is_held = not (record["offered"] or record["released"])
        goes_on = bool(found) and found[-1].end == NEVER
        if goes_on and is_held and found[-1].node == record["node"]:
            continue  # renewed, or taken again by another run of the same node
        latest = min((poll.answered for poll in polls if poll.revision >= revision), default=NEVER)
        if goes_on:
            found[-1] = found[-1]._replace(end=latest)
        if is_held:
            earliest = max((poll.asked for poll in polls if poll.revision < revision), default=ALWAYS)
            found.append(Tenure(record["node"], record["epoch"], earliest if found else ALWAYS, latest))
    return found


def tenures_with(row: Row, tenures: list[Tenure]) -> list[Tenure]:
    """Those in which it may have been committed."""
    return [tenure for tenure in tenures
            if tenure.node == row.database and row.begin <= tenure.end and row.end >= tenure.earliest]


def epochs_twice(records: Iterable[tuple[int, dict]]) -> list[int]:
    """Epochs that two nodes had."""
    nodes: dict[int, set[str]] = {}
    for _, record in records:
        if not record["offered"]:
            nodes.setdefault(record["epoch"], set()).add(record["node"])
    return [epoch for epoch, names in nodes.items() if len(names) > 1]


# --- what may be wrong ---

def is_excused(row: Row, excuses: list[Excuse]) -> bool:
    last = row.held_to if row.end == NEVER else row.end
    return any(excuse.database == row.database and row.begin <= excuse.end and last >= excuse.begin
               for excuse in excuses)


def out_of_order(surviving: list[Row]) -> list[tuple[Row, Row]]:
    """Pairs (earlier in the file, later in the file) of which the later one had ended before the
    earlier one was begun. `surviving` is in the order of the file."""
    found, latest_begin = [], None
    for row in surviving:
        if latest_begin is not None and row.end < latest_begin.begin:
            found.append((latest_begin, row))
        if latest_begin is None or row.begin > latest_begin.begin:
            latest_begin = row
    return found


def both_open(rows: list[Row]) -> list[tuple[Row, Row]]:
    """Pairs of rows of two databases whose locks were had at one time. Whatever COMMIT answered then."""
    found, latest = [], {}
    for row in sorted(rows, key=lambda row: row.held_from):
        found += [(other, row) for name, other in latest.items()
                  if name != row.database and row.held_from < other.held_to]
        if row.database not in latest or row.held_to > latest[row.database].held_to:
            latest[row.database] = row
    return found


def outside_tenure(told: list[Row], tenures: list[Tenure]) -> list[Row]:
    """Rows that were committed while another node had the lease."""
    return [row for row in told if not tenures_with(row, tenures)]


def only_tenure(row: Row, tenures: list[Tenure]) -> Tenure | None:
    """The one that it was committed in, where that is certain."""
    found = tenures_with(row, tenures)
    return found[0] if len(found) == 1 else None


def not_a_tail(orphans: list[Row], surviving: list[Row], tenures: list[Tenure]) -> list[Row]:
    """Orphans that had ended before a survivor of their tenure began."""
    last_begin: dict[Tenure | None, float] = {}
    for row in surviving:
        tenure = only_tenure(row, tenures)
        last_begin[tenure] = max(last_begin.get(tenure, ALWAYS), row.begin)
    last_begin.pop(None, None)
    return [row for row in orphans if row.end < last_begin.get(only_tenure(row, tenures), ALWAYS)]


class Bound(NamedTuple):
    """What a tenure of commits that do not wait may lose: what was committed in its last so many seconds,
    and so many rows more."""
    seconds: float
    rows: int


def too_many_lost(orphans: list[Row], told: list[Row], tenures: list[Tenure], bound: Bound) -> list[str]:
    last: dict[Tenure | None, float] = {}
    for row in told:
        tenure = only_tenure(row, tenures)
        last[tenure] = max(last.get(tenure, ALWAYS), row.end)
    wrong = []
    for tenure in tenures:
        old = [row for row in orphans if only_tenure(row, tenures) == tenure
               and row.end < last[tenure] - bound.seconds]
        if len(old) > bound.rows:
            wrong.append(f"epoch {tenure.epoch} of {tenure.node} lost {len(old)} rows older than the last "
                         f"{bound.seconds} s of it, where {bound.rows} may be, such as {old[0]}")
    return wrong


# --- all of it ---

class History(NamedTuple):
    rows: list[Row]                 # of all journals
    records: list[tuple[int, dict]]
    tenures: list[Tenure]
    excuses: list[Excuse]
    tokens: list[str]               # what is there in the end, in the order of rowids


def _one_writer(history: History) -> list[str]:
    """What holds in both modes."""
    guarded = [row for row in history.rows if not is_excused(row, history.excuses)]
    told = {row.token: row for row in history.rows if row.is_told}
    surviving = [told[token] for token in history.tokens if token in told]
    wrong = [f"{later} had ended before {earlier} was begun, and stands behind it"
             for earlier, later in out_of_order(surviving)]
    wrong += [f"{one} and {other} were open at once" for one, other in both_open(guarded)]
    wrong += [f"{row} was committed while another node had the lease"
              for row in outside_tenure([row for row in guarded if row.is_told], history.tenures)]
    wrong += [f"two nodes had epoch {epoch}" for epoch in epochs_twice(history.records)]
    if len(set(history.tokens)) != len(history.tokens):
        wrong.append("a row stands there twice")
    return wrong


def gone(history: History) -> list[Row]:
    """Told to be committed, and not there."""
    there = set(history.tokens)
    return [row for row in history.rows if row.is_told and row.token not in there]


def judge_sync(history: History) -> list[str]:
    """What is wrong where commits waited; empty: nothing. Nothing is excused of what was told."""
    lost = gone(history)
    return _one_writer(history) + [f"{row} was acknowledged and is gone" for row in lost]


def judge_async(history: History, orphaned: set[str], bound: Bound) -> list[str]:
    """What is wrong where they did not. `orphaned`: tokens that are kept in orphans files."""
    told = [row for row in history.rows if row.is_told and not is_excused(row, history.excuses)]
    there = set(history.tokens)
    surviving, orphans = [], []
    for row in told:
        (surviving if row.token in there else orphans).append(row)
    wrong = _one_writer(history)
    wrong += [f"{row} is gone, and later rows of its tenure are there"
              for row in not_a_tail(orphans, surviving, history.tenures)]
    wrong += too_many_lost(orphans, told, history.tenures, bound)
    wrong += [f"{row} is neither there nor kept as an orphan" for row in orphans if row.token not in orphaned]
    return wrong
